// The people of a new session, in the order in which they sign.
import { Icon } from "../../part/basic";
import { Text } from "../../part/field";

export interface Person {
  /** Tells apart those who have no name yet. */
  key: number;
  firstName: string;
  lastName: string;
  email: string;
}

let last = 0;

export function nobody(): Person {
  return { key: (last += 1), firstName: "", lastName: "", email: "" };
}

interface Props {
  people: readonly Person[];
  set: (people: readonly Person[]) => void;
  wrong: (...path: string[]) => string | undefined;
}

export function People({ people, set, wrong }: Props) {
  return (
    <>
      {people.map((person, place) => {
        const change = (name: "firstName" | "lastName" | "email") => (value: string) =>
          set(people.map((each) => (each === person ? { ...person, [name]: value } : each)));
        const said = (name: string) => wrong("participants", String(place), name);
        return (
          <div class="person" role="group" aria-label={`Participant ${place + 1}`} key={person.key}>
            <Text
              label="First name"
              value={person.firstName}
              set={change("firstName")}
              wrong={said("firstName") ?? wrong("participants", String(place))}
            />
            <Text label="Last name" value={person.lastName} set={change("lastName")} wrong={said("lastName")} />
            <Text label="E-mail" type="email" value={person.email} set={change("email")} wrong={said("email")} />
            <button
              type="button"
              class="icon-only quiet"
              disabled={people.length === 1}
              aria-label={`Remove participant ${place + 1}`}
              onClick={() => set(people.filter((each) => each !== person))}
            >
              <Icon name="close" />
            </button>
          </div>
        );
      })}
      {wrong("participants") && <p class="said bad">{wrong("participants")}</p>}
      <button type="button" class="small" onClick={() => set([...people, nobody()])}>
        <Icon name="plus" />
        Add a person
      </button>
    </>
  );
}
