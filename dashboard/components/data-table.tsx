import { useSignal } from '@preact/signals'
import type { ComponentChildren, HTMLAttributes } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { usePulse } from './pulse.ts'
import { whileSeen } from './seen.ts'

/** Tables with more rows draw only those that can be seen, and of the others the first cell. */
const ALL_DRAWN = 60

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
  readonly initialSort?: Sort
  /** Where the table is not to keep by itself what it is sorted by; with `onSort`. */
  readonly sort?: Sort | undefined
  readonly onSort?: (sort: Sort) => void
  /** What stands in its place without rows. */
  readonly empty: ComponentChildren
  readonly rowClass?: (row: Row) => string
  /** A row lights up whenever this changes. */
  readonly pulseOf?: (row: Row) => unknown
  /** Called when a row is chosen, by a click or by Enter. */
  readonly onChoose?: (row: Row) => void
}

/** Rows that can be sorted by the heads of their columns. On a narrow screen, each row is a card with all of its values. */
export function DataTable<Row>(props: DataTableProps<Row>) {
  const { label, columns, rows, keyOf, initialSort, empty } = props
  const own = useSignal(initialSort)
  const sort = props.onSort === undefined ? own.value : props.sort
  const onSort = props.onSort ?? ((next: Sort) => (own.value = next))
  const order = useHeldOrder(sorted(rows, columns, sort), keyOf, sort)
  if (rows.length === 0) return <>{empty}</>
  return (
    <div class="table-frame">
      <table class="table" aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head key={column.key} column={column} sort={sort} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody {...order.holding}>
          {order.rows.map((row, index) => (
            <BodyRow
              key={keyOf(row)}
              row={row}
              table={props}
              isAlwaysDrawn={rows.length <= ALL_DRAWN}
              isDrawnAtFirst={index < ALL_DRAWN}
            />
          ))}
        </tbody>
      </table>
    </div>
  )
}

interface BodyRowProps<Row> {
  readonly row: Row
  readonly table: DataTableProps<Row>
  readonly isAlwaysDrawn: boolean
  /** Whether a new row is drawn before it is known whether it can be seen. */
  readonly isDrawnAtFirst: boolean
}

function BodyRow<Row>({ row, table, isAlwaysDrawn, isDrawnAtFirst }: BodyRowProps<Row>) {
  const { columns, rowClass, onChoose, pulseOf } = table
  const element = usePulse<HTMLTableRowElement>(pulseOf?.(row))
  const isSeen = useSignal(isDrawnAtFirst)
  useEffect(() => {
    if (isAlwaysDrawn) return
    return whileSeen(element.current!, (next) => {
      isSeen.value = next
    })
  }, [isAlwaysDrawn])
  const isDrawn = isAlwaysDrawn || isSeen.value
  return (
    <tr
      ref={element}
      class={[rowClass?.(row), onChoose && 'chosen-by-click', !isDrawn && 'unseen'].filter(Boolean).join(' ')}
      {...(onChoose && choosing(() => onChoose(row)))}
    >
      {columns.slice(0, isDrawn ? undefined : 1).map((column) => (
        <td key={column.key} data-label={column.label} class={column.isNumber ? 'number' : ''}>
          {column.cell(row)}
        </td>
      ))}
    </tr>
  )
}

/** Rows keep their places while the pointer or the focus is among them, so that nobody presses the wrong button. */
function useHeldOrder<Row>(rows: readonly Row[], keyOf: (row: Row) => string, sort: Sort | undefined) {
  const isHeld = useRef(false)
  const held = useRef<{ readonly by: string; readonly places: ReadonlyMap<string, number> }>(undefined)
  const by = `${sort?.key} ${sort?.isDescending}`
  const places = isHeld.current && held.current?.by === by ? held.current.places : undefined
  const placeOf = (row: Row) => places?.get(keyOf(row)) ?? Number.MAX_SAFE_INTEGER
  const shown = places === undefined ? rows : rows.toSorted((one, other) => placeOf(one) - placeOf(other))
  held.current = { by, places: new Map(shown.map((row, index) => [keyOf(row), index])) }
  const hold = () => {
    isHeld.current = true
  }
  const release = ({ currentTarget }: { readonly currentTarget: Element }) => {
    isHeld.current = currentTarget.matches(':hover, :focus-within')
  }
  return {
    rows: shown,
    holding: { onPointerEnter: hold, onPointerLeave: release, onFocusIn: hold, onFocusOut: release },
  }
}

export interface Sort {
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
