// Parts of forms: every one has a label, and says what is wrong with it beside it.
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface Props {
  label: string;
  hint?: string | undefined;
  wrong?: string | undefined;
  optional?: boolean;
  class?: string;
}

export function Field(props: Props & { children: (id: string, described: string | undefined) => ComponentChildren }) {
  const id = useId();
  const said = props.wrong ?? props.hint;
  return (
    <div class={`field ${props.wrong ? "wrong" : ""} ${props.class ?? ""}`}>
      <label for={id}>
        {props.label}
        {props.optional && <span class="faint"> optional</span>}
      </label>
      {props.children(id, said ? `${id}-said` : undefined)}
      {said && (
        <p id={`${id}-said`} class="said">
          {said}
        </p>
      )}
    </div>
  );
}

export function Text(
  props: Props & {
    value: string;
    set: (value: string) => void;
    type?: "text" | "search" | "email" | "password" | "number" | "datetime-local";
    lines?: number;
    required?: boolean;
    autofocus?: boolean;
    placeholder?: string;
  },
) {
  return (
    <Field {...props}>
      {(id, described) => {
        const common = {
          id,
          value: props.value,
          required: props.required ?? false,
          autofocus: props.autofocus ?? false,
          placeholder: props.placeholder ?? "",
          "aria-describedby": described,
          "aria-invalid": props.wrong ? ("true" as const) : undefined,
          onInput: (event: { currentTarget: { value: string } }) => props.set(event.currentTarget.value),
        };
        return props.lines ? (
          <textarea {...common} rows={props.lines} />
        ) : (
          <input {...common} type={(props.type ?? "text") as "text"} autocomplete="off" />
        );
      }}
    </Field>
  );
}

export function Select(
  props: Props & { value: string; set: (value: string) => void; options: readonly (readonly [string, string])[] },
) {
  return (
    <Field {...props}>
      {(id, described) => (
        <select
          id={id}
          value={props.value}
          aria-describedby={described}
          onChange={(event) => props.set(event.currentTarget.value)}
        >
          {props.options.map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

export function Check(props: { label: string; hint?: string; value: boolean; set: (value: boolean) => void }) {
  return (
    <label class="check">
      <input type="checkbox" checked={props.value} onChange={(event) => props.set(event.currentTarget.checked)} />
      <span>
        {props.label}
        {props.hint && <small>{props.hint}</small>}
      </span>
    </label>
  );
}
