// Asks for a token where the gateway wants one.
import { useState } from "preact/hooks";
import { use } from "../api/token";
import { Text } from "../part/field";

export function SignIn({ again }: { again: boolean }) {
  const [given, set] = useState("");
  return (
    <main class="signin">
      <form
        class="panel"
        onSubmit={(event) => {
          event.preventDefault();
          if (given.trim()) use(given.trim());
        }}
      >
        <img src={`${import.meta.env.BASE_URL}icon.svg`} alt="" width="40" height="40" />
        <h1>Countersign</h1>
        <p class="note">
          This gateway wants to know who asks. The token is kept for this tab alone and forgotten when it is closed.
        </p>
        <Text
          label="Token or API key"
          type="password"
          value={given}
          set={set}
          required
          autofocus
          wrong={again ? "The gateway did not take the token that it was given. It may have expired." : undefined}
        />
        <button type="submit" class="main">
          Go on
        </button>
      </form>
    </main>
  );
}
