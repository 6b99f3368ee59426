// Form fields: each has a label, and its hint or error is tied to the control by aria-describedby.
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface Props {
  label: string;
  hint?: string | undefined;
  error?: string | undefined;
  optional?: boolean;
  class?: string;
}

export function FormField(props: Props & { children: (id: string, describedBy: string | undefined) => ComponentChildren }) {
  const id = useId();
  const message = props.error ?? props.hint;
  return (
    <div class={`field ${props.error ? "wrong" : ""} ${props.class ?? ""}`}>
      <label for={id}>
        {props.label}
        {props.optional && <span class="faint"> optional</span>}
      </label>
      {props.children(id, message ? `${id}-said` : undefined)}
      {message && (
        <p id={`${id}-said`} class="said">
          {message}
        </p>
      )}
    </div>
  );
}

export function TextField(
  props: Props & {
    value: string;
    onChange: (value: string) => void;
    type?: "text" | "search" | "email" | "password" | "number" | "datetime-local";
    lines?: number;
    required?: boolean;
    autofocus?: boolean;
    placeholder?: string;
  },
) {
  return (
    <FormField {...props}>
      {(id, describedBy) => {
        const common = {
          id,
          value: props.value,
          required: props.required ?? false,
          autofocus: props.autofocus ?? false,
          placeholder: props.placeholder ?? "",
          "aria-describedby": describedBy,
          "aria-invalid": props.error ? ("true" as const) : undefined,
          onInput: (event: { currentTarget: { value: string } }) => props.onChange(event.currentTarget.value),
        };
        // Preact types an <input> by one literal type at a time.
        const type = (props.type ?? "text") as "text";
        return props.lines ? <textarea {...common} rows={props.lines} /> : <input {...common} type={type} autocomplete="off" />;
      }}
    </FormField>
  );
}

export function SelectField(
  props: Props & { value: string; onChange: (value: string) => void; options: readonly (readonly [string, string])[] },
) {
  return (
    <FormField {...props}>
      {(id, describedBy) => (
        <select
          id={id}
          value={props.value}
          aria-describedby={describedBy}
          onChange={(event) => props.onChange(event.currentTarget.value)}
        >
          {props.options.map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      )}
    </FormField>
  );
}

export function CheckboxField(props: { label: string; hint?: string; value: boolean; onChange: (value: boolean) => void }) {
  return (
    <label class="check">
      <input type="checkbox" checked={props.value} onChange={(event) => props.onChange(event.currentTarget.checked)} />
      <span>
        {props.label}
        {props.hint && <small>{props.hint}</small>}
      </span>
    </label>
  );
}
