// App shell: navigation, connection status and viewer around the current page.
import { useEffect, useRef } from "preact/hooks";
import { useQuery } from "./api/query";
import { completeAuthorization } from "./api/oauth";
import { followEvents, connection } from "./api/subscriptions";
import { WhoAmI } from "./api/operations";
import { signInRequired, token, replaceToken } from "./api/token";
import { now } from "./clock";
import { EmptyState, Icon } from "./components/primitives";
import { route, href } from "./route";
import { formatRelativeTime } from "./format";
import { NewSessionPage } from "./pages/new-session";
import { ProvidersPage } from "./pages/providers";
import { SessionPage } from "./pages/session";
import { SessionsPage } from "./pages/sessions";
import { SignInPage } from "./pages/sign-in";
import { WebhooksPage } from "./pages/webhooks";

const navigation = [
  ["providers", "Providers"],
  ["sessions", "Sessions"],
  ["webhooks", "Webhooks"],
] as const;

export function App() {
  return signInRequired.value ? <SignInPage rejected={token() !== null} /> : <Frame />;
}

function Frame() {
  useEffect(() => {
    followEvents();
    void completeAuthorization();
  }, []);
  const content = useRef<HTMLElement>(null);
  const section = route.value.path[0] ?? "providers";
  useEffect(() => {
    document.title = `${navigation.find(([path]) => path === section)?.[1] ?? "Countersign"} · Countersign`;
  }, [section]);
  useFocusOnNavigation(content, route.value.path.join("/"));
  return (
    <div class="frame">
      <a class="skip" href="#content" onClick={skipToContent}>
        Skip to the content
      </a>
      <nav aria-label="Views" class="views">
        <div class="rail">
          <a class="brand" href={href("providers")}>
            <img src={`${import.meta.env.BASE_URL}icon.svg`} alt="" width="28" height="28" />
            <span>Countersign</span>
          </a>
          <ul>
            {navigation.map(([path, name]) => (
              <li key={path}>
                <a href={href(path)} aria-current={section === path ? "page" : undefined}>
                  <Icon name={path} />
                  {name}
                </a>
              </li>
            ))}
          </ul>
          <footer>
            <ConnectionStatus />
            <ViewerFooter />
          </footer>
        </div>
      </nav>
      <main id="content" tabIndex={-1} ref={content}>
        <ConnectionLostBanner />
        <CurrentPage />
      </main>
    </div>
  );
}

/** Moves the focus to the content after a navigation, unless something in it has the focus already. */
function useFocusOnNavigation(content: { current: HTMLElement | null }, path: string): void {
  const before = useRef(path);
  useEffect(() => {
    if (before.current === path) return;
    before.current = path;
    if (!content.current?.contains(document.activeElement)) content.current?.focus({ preventScroll: true });
  }, [content, path]);
}

function skipToContent(event: Event): void {
  event.preventDefault();
  document.getElementById("content")?.focus();
}

function CurrentPage() {
  const [section = "providers", id] = route.value.path;
  if (section === "providers") return <ProvidersPage />;
  if (section === "sessions" && id === "new") return <NewSessionPage />;
  if (section === "sessions" && id) return <SessionPage key={id} id={id} />;
  if (section === "sessions") return <SessionsPage />;
  if (section === "webhooks") return <WebhooksPage />;
  return (
    <EmptyState title="There is no such page.">
      <a href={href("providers")}>Go to the providers</a>
    </EmptyState>
  );
}

const connectionLabels = { connecting: "Connecting…", live: "Live", lost: "Reconnecting…" };

function ConnectionStatus() {
  const { state } = connection.value;
  return (
    <p class={`line ${state}`} role="status">
      <i aria-hidden="true" />
      {connectionLabels[state]}
    </p>
  );
}

function ConnectionLostBanner() {
  const { state, since } = connection.value;
  if (state !== "lost" || now.value - since < 400) return null;
  return (
    <div class="trouble lost" role="alert">
      <Icon name="warn" />
      <div>
        <strong>The connection to the gateway is lost.</strong>
        <p>
          What you see is as it was {formatRelativeTime(new Date(since).toISOString(), now.value)}. It is read again as soon as
          the gateway is back.
        </p>
      </div>
    </div>
  );
}

function ViewerFooter() {
  const { data } = useQuery(WhoAmI, {});
  if (!token()) return null;
  return (
    <p class="who">
      <span>{data?.viewer.subject ?? "Signed in"}</span>
      <button type="button" class="quiet small" onClick={() => replaceToken(null)}>
        Sign out
      </button>
    </p>
  );
}
