// The frame around every view: where one can go, whether the page is live, and who one is.
import { useEffect, useRef } from "preact/hooks";
import { useAsk } from "./api/ask";
import { comeBack } from "./api/consent";
import { follow, link } from "./api/live";
import { WhoAmI } from "./api/operation";
import { refused, token, use } from "./api/token";
import { now } from "./now";
import { Empty, Icon } from "./part/basic";
import { place, to } from "./route";
import { distance } from "./word";
import { Create } from "./view/create";
import { Providers } from "./view/providers";
import { SessionView } from "./view/session";
import { Sessions } from "./view/sessions";
import { SignIn } from "./view/signin";
import { Webhooks } from "./view/webhooks";

const views = [
  ["providers", "Providers"],
  ["sessions", "Sessions"],
  ["webhooks", "Webhooks"],
] as const;

export function App() {
  return refused.value ? <SignIn again={token() !== null} /> : <Frame />;
}

function Frame() {
  useEffect(() => {
    follow();
    void comeBack();
  }, []);
  const content = useRef<HTMLElement>(null);
  const here = place.value.path[0] ?? "providers";
  useEffect(() => {
    document.title = `${views.find(([path]) => path === here)?.[1] ?? "Countersign"} · Countersign`;
  }, [here]);
  useArrival(content, place.value.path.join("/"));
  return (
    <div class="frame">
      <a class="skip" href="#content" onClick={skip}>
        Skip to the content
      </a>
      <nav aria-label="Views" class="views">
        <div class="rail">
          <a class="brand" href={to("providers")}>
            <img src={`${import.meta.env.BASE_URL}icon.svg`} alt="" width="28" height="28" />
            <span>Countersign</span>
          </a>
          <ul>
            {views.map(([path, name]) => (
              <li key={path}>
                <a href={to(path)} aria-current={here === path ? "page" : undefined}>
                  <Icon name={path} />
                  {name}
                </a>
              </li>
            ))}
          </ul>
          <footer>
            <Line />
            <Who />
          </footer>
        </div>
      </nav>
      <main id="content" tabIndex={-1} ref={content}>
        <Lost />
        <View />
      </main>
    </div>
  );
}

/** Brings whoever has gone to another view there, unless something in it has the focus already. */
function useArrival(content: { current: HTMLElement | null }, where: string): void {
  const before = useRef(where);
  useEffect(() => {
    if (before.current === where) return;
    before.current = where;
    if (!content.current?.contains(document.activeElement)) content.current?.focus({ preventScroll: true });
  }, [where]);
}

function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("content")?.focus();
}

function View() {
  const [view = "providers", one] = place.value.path;
  if (view === "providers") return <Providers />;
  if (view === "sessions" && one === "new") return <Create />;
  if (view === "sessions" && one) return <SessionView key={one} id={one} />;
  if (view === "sessions") return <Sessions />;
  if (view === "webhooks") return <Webhooks />;
  return (
    <Empty title="There is no such page.">
      <a href={to("providers")}>Go to the providers</a>
    </Empty>
  );
}

const lines = { connecting: "Connecting…", live: "Live", lost: "Reconnecting…" };

function Line() {
  const { state } = link.value;
  return (
    <p class={`line ${state}`} role="status">
      <i aria-hidden="true" />
      {lines[state]}
    </p>
  );
}

function Lost() {
  const { state, since } = link.value;
  if (state !== "lost" || now.value - since < 400) return null;
  return (
    <div class="trouble lost" role="alert">
      <Icon name="warn" />
      <div>
        <strong>The connection to the gateway is lost.</strong>
        <p>
          What you see is as it was {distance(new Date(since).toISOString(), now.value)}. It is read again as soon as the
          gateway is back.
        </p>
      </div>
    </div>
  );
}

function Who() {
  const { data } = useAsk(WhoAmI, {});
  if (!token()) return null;
  return (
    <p class="who">
      <span>{data?.viewer.subject ?? "Signed in"}</span>
      <button type="button" class="quiet small" onClick={() => use(null)}>
        Sign out
      </button>
    </p>
  );
}
