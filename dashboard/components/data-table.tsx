import { useSignal } from '@preact/signals'
import type { ComponentChildren, HTMLAttributes } from 'preact'

export interface Column<Row> {
  readonly key: string
  readonly label: string
  readonly cell: (row: Row) => ComponentChildren
  /** What it is sorted by; absent: it cannot be sorted by this column. */
  readonly sortBy?: (row: Row) => number | string
  /** Numbers are aligned to the right. */
  readonly isNumber?: boolean
  /** Explains the column. */
  readonly title?: string
}

interface DataTableProps<Row> {
  /** What its rows are, for those who cannot see it. */
  readonly label: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string
  readonly initialSort?: { readonly key: string; readonly isDescending: boolean }
  /** What stands in its place without rows. */
  readonly empty: ComponentChildren
  readonly rowClass?: (row: Row) => string
  /** Called when a row is chosen, by a click or by Enter. */
  readonly onChoose?: (row: Row) => void
}

/** Rows that can be sorted by the heads of their columns. On a narrow screen, each row is a card with all of its values. */
export function DataTable<Row>(props: DataTableProps<Row>) {
  const { label, columns, rows, keyOf, initialSort, empty, rowClass, onChoose } = props
  const sort = useSignal(initialSort)
  if (rows.length === 0) return <>{empty}</>
  return (
    <div class="table-frame">
      <table class="table" aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head key={column.key} column={column} sort={sort.value} onSort={(next) => (sort.value = next)} />
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted(rows, columns, sort.value).map((row) => (
            <tr
              key={keyOf(row)}
              class={[rowClass?.(row), onChoose && 'chosen-by-click'].filter(Boolean).join(' ')}
              {...(onChoose && choosing(() => onChoose(row)))}
            >
              {columns.map((column) => (
                <td key={column.key} data-label={column.label} class={column.isNumber ? 'number' : ''}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

interface Sort {
  readonly key: string
  readonly isDescending: boolean
}

function Head<Row>({
  column: { key, label, isNumber = false, sortBy, title },
  sort,
  onSort,
}: {
  readonly column: Column<Row>
  readonly sort: Sort | undefined
  readonly onSort: (sort: Sort) => void
}) {
  const isCurrent = sort?.key === key
  const order = isCurrent ? (sort.isDescending ? 'descending' : 'ascending') : undefined
  return (
    <th scope="col" class={isNumber ? 'number' : ''} title={title} aria-sort={order}>
      {sortBy === undefined ? (
        label
      ) : (
        <button
          type="button"
          class={`sort ${order ?? ''}`}
          // Numbers are looked at from the largest down.
          onClick={() => onSort({ key, isDescending: isCurrent ? !sort.isDescending : isNumber })}
        >
          {label}
        </button>
      )}
    </th>
  )
}

function choosing(choose: () => void): HTMLAttributes<HTMLTableRowElement> {
  const isOwn = ({ target }: Event) => (target as Element).closest('a, button, input, select') === null
  return {
    tabIndex: 0,
    onClick: (event) => {
      if (isOwn(event)) choose()
    },
    onKeyDown: (event) => {
      const row = event.currentTarget
      if (event.target !== row) return
      if (event.key === 'Enter') choose()
      if (event.key === 'ArrowDown') (row.nextElementSibling as HTMLElement | null)?.focus()
      if (event.key === 'ArrowUp') (row.previousElementSibling as HTMLElement | null)?.focus()
    },
  }
}

function sorted<Row>(rows: readonly Row[], columns: readonly Column<Row>[], sort: Sort | undefined): readonly Row[] {
  const by = columns.find(({ key }) => key === sort?.key)?.sortBy
  if (by === undefined) return rows
  const sign = sort!.isDescending ? -1 : 1
  return rows.toSorted((one, other) => sign * compare(by(one), by(other)))
}

function compare(one: number | string, other: number | string): number {
  if (typeof one === 'number' && typeof other === 'number') return one - other
  return String(one).localeCompare(String(other), 'en', { numeric: true })
}
