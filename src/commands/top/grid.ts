import type { Paint, Tone } from './tone.ts'

export interface Cell {
  readonly text: string
  readonly tone: Tone
}

export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => Cell
  /** What rows are sorted by; the cell's text where it is absent. */
  readonly sortBy?: (row: Row) => number | string
  readonly isLeft?: boolean
  /** A column with a smaller number stays longer where there is little room. */
  readonly rank: number
}

export interface Order {
  readonly column: string
  readonly isDescending: boolean
}

/** No cell is wider. */
const WIDEST = 32
const GAP = '  '

export function plain(text: string, tone: Tone = 'plain'): Cell {
  return { text, tone }
}

/** The rows in that order; those that are equal stay as they were. */
export function sorted<Row>(rows: readonly Row[], columns: readonly Column<Row>[], order: Order): Row[] {
  const column = columns.find(({ title }) => title === order.column)
  if (column === undefined) return [...rows]
  const value = column.sortBy ?? ((row: Row) => column.cell(row).text)
  const sign = order.isDescending ? -1 : 1
  const compare = (one: Row, other: Row) => {
    const [first, second] = [value(one), value(other)]
    return first < second ? -sign : first > second ? sign : 0
  }
  return rows.toSorted(compare)
}

export interface GridOptions {
  readonly width: number
  readonly paint: Paint
  readonly order?: Order
  /** The index of the row that is marked. */
  readonly selected?: number
}

/** The lines of a table as wide as it may be: the heading, then one for each row. */
export function grid<Row>(columns: readonly Column<Row>[], rows: readonly Row[], options: GridOptions): string[] {
  const { width, paint, order, selected } = options
  const all = columns.map((column) => {
    const mark = order?.column === column.title ? (order.isDescending ? '↓' : '↑') : ''
    const cells = rows.map((row) => column.cell(row))
    const widest = Math.max(column.title.length + mark.length, ...cells.map(({ text }) => text.length))
    return { column, title: column.title + mark, cells, width: Math.min(widest, WIDEST) }
  })
  const shown = thatFit(all, width - GAP.length)
  const line = (of: (each: (typeof all)[number]) => Cell, isMarked: boolean) => {
    const texts = shown.map((each) => {
      const { text, tone } = of(each)
      const fitted = fit(text, each.width, each.column.isLeft === true)
      return isMarked ? fitted : paint(tone, fitted)
    })
    const whole = (isMarked ? '› ' : GAP) + texts.join(GAP)
    return isMarked ? paint('selected', whole.padEnd(Math.min(width, 400))) : whole.trimEnd()
  }
  return [
    line(({ title }) => plain(title, 'strong'), false),
    ...rows.map((_, index) => line(({ cells }) => cells[index]!, index === selected)),
  ]
}

interface Sized {
  readonly column: { readonly rank: number }
  readonly width: number
}

/** Those columns that there is room for: the ones of the last rank go first. */
function thatFit<Each extends Sized>(columns: readonly Each[], width: number): readonly Each[] {
  const total = columns.reduce((sum, each) => sum + each.width + GAP.length, -GAP.length)
  if (total <= width || columns.length === 1) return columns
  const last = columns.reduce((worst, each) => (each.column.rank >= worst.column.rank ? each : worst))
  return thatFit(
    columns.filter((each) => each !== last),
    width,
  )
}

function fit(text: string, width: number, isLeft: boolean): string {
  const short = text.length > width ? `${text.slice(0, width - 1)}…` : text
  return isLeft ? short.padEnd(width) : short.padStart(width)
}
