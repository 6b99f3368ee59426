// Sign-in page: asks for a token or API key where the gateway requires one.
import { useState } from "preact/hooks";
import { replaceToken } from "../api/token";
import { TextField } from "../components/form-fields";

export function SignInPage({ rejected }: { rejected: boolean }) {
  const [value, setValue] = useState("");
  return (
    <main class="signin">
      <form
        class="panel"
        onSubmit={(event) => {
          event.preventDefault();
          if (value.trim()) replaceToken(value.trim());
        }}
      >
        <img src={`${import.meta.env.BASE_URL}icon.svg`} alt="" width="40" height="40" />
        <h1>Countersign</h1>
        <p class="note">
          This gateway wants to know who asks. The token is kept for this tab alone and forgotten when it is closed.
        </p>
        <TextField
          label="Token or API key"
          type="password"
          value={value}
          onChange={setValue}
          required
          autofocus
          error={rejected ? "The gateway did not take the token that it was given. It may have expired." : undefined}
        />
        <button type="submit" class="main">
          Go on
        </button>
      </form>
    </main>
  );
}
