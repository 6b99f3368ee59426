import "./style/ground.css";
import "./style/shell.css";
import "./style/part.css";
import "./style/table.css";
import "./style/chart.css";
import "./style/session.css";
import { render } from "preact";
import { App } from "./app";

render(<App />, document.getElementById("page") as HTMLElement);
