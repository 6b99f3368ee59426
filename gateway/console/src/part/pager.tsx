// The way through a list: on to what is older, and back along the cursors that led here.
export type Trail = readonly string[];

export function Pager(props: {
  info: { hasNextPage: boolean; endCursor: string | null };
  trail: Trail;
  follow: (trail: Trail) => void;
}) {
  const { info, trail, follow } = props;
  if (!trail.length && !info.hasNextPage) return null;
  return (
    <footer class="pager">
      <button type="button" disabled={!trail.length} onClick={() => follow(trail.slice(0, -1))}>
        Newer
      </button>
      <button type="button" disabled={!info.hasNextPage} onClick={() => info.endCursor && follow([...trail, info.endCursor])}>
        Older
      </button>
    </footer>
  );
}
