// The way through a list: on to what is older, and back along the cursors that led here.
export type CursorStack = readonly string[];

export function Pagination(props: {
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
  cursors: CursorStack;
  onChange: (trail: CursorStack) => void;
}) {
  const { pageInfo, cursors, onChange } = props;
  if (!cursors.length && !pageInfo.hasNextPage) return null;
  return (
    <footer class="pager">
      <button type="button" disabled={!cursors.length} onClick={() => onChange(cursors.slice(0, -1))}>
        Newer
      </button>
      <button
        type="button"
        disabled={!pageInfo.hasNextPage}
        onClick={() => pageInfo.endCursor && onChange([...cursors, pageInfo.endCursor])}
      >
        Older
      </button>
    </footer>
  );
}
