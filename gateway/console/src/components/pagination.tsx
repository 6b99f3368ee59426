// Cursor pagination: forward by the page's end cursor, back along a stack of the cursors that were used.
export type CursorStack = readonly string[];

export function Pagination(props: {
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
  cursors: CursorStack;
  onChange: (cursors: CursorStack) => void;
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
