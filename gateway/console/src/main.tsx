import "./style/base.css";
import "./style/layout.css";
import "./style/components.css";
import "./style/table.css";
import "./style/providers.css";
import "./style/session.css";
import { render } from "preact";
import { App } from "./app";

const root = document.getElementById("page");
if (root) render(<App />, root);
