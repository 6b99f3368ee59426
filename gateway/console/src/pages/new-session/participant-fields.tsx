// Form fields of a new session's participants, in signing order.
import { Icon } from "../../components/primitives";
import { TextField } from "../../components/form-fields";
import { emptyPerson, type Person } from "./draft";

interface Props {
  people: readonly Person[];
  onChange: (people: readonly Person[]) => void;
  errorAt: (...path: string[]) => string | undefined;
}

export function ParticipantFields({ people, onChange, errorAt }: Props) {
  return (
    <>
      {people.map((person, index) => {
        const change = (name: "firstName" | "lastName" | "email") => (value: string) =>
          onChange(people.map((each) => (each === person ? { ...person, [name]: value } : each)));
        const errorOf = (name: string) => errorAt("participants", String(index), name);
        return (
          <div class="person" role="group" aria-label={`Participant ${index + 1}`} key={person.key}>
            <TextField
              label="First name"
              value={person.firstName}
              onChange={change("firstName")}
              error={errorOf("firstName") ?? errorAt("participants", String(index))}
            />
            <TextField label="Last name" value={person.lastName} onChange={change("lastName")} error={errorOf("lastName")} />
            <TextField label="E-mail" type="email" value={person.email} onChange={change("email")} error={errorOf("email")} />
            <button
              type="button"
              class="icon-only quiet"
              disabled={people.length === 1}
              aria-label={`Remove participant ${index + 1}`}
              onClick={() => onChange(people.filter((each) => each !== person))}
            >
              <Icon name="close" />
            </button>
          </div>
        );
      })}
      {errorAt("participants") && <p class="said bad">{errorAt("participants")}</p>}
      <button type="button" class="small" onClick={() => onChange([...people, emptyPerson()])}>
        <Icon name="plus" />
        Add a person
      </button>
    </>
  );
}
