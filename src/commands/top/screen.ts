import { spanSince } from '../span.ts'
import { actionText } from './change.ts'
import type { Connection, Feed } from './feed.ts'
import { type Column, grid, type Order } from './grid.ts'
import { indexOf, nameOfServer, nameOfUpstream, shownEvents, shownServers, shownUpstreams } from './rows.ts'
import { summaryLines } from './summary.ts'
import { serverColumns, timeOf, upstreamColumns } from './tables.ts'
import type { Paint } from './tone.ts'
import { PAGES, type Prompt, type View } from './view.ts'

export interface Size {
  readonly columns: number
  readonly rows: number
}

const HELP = [
  ['1 2 3 4, Tab', 'the page: Overview, Upstreams, Servers, Events'],
  ['↑ ↓, j k, PgUp PgDn', 'mark another row, or scroll the events'],
  ['Enter', 'on an upstream: its servers'],
  ['Esc', 'no filter, all upstreams'],
  ['s, o', 'sort by the next column, or in the other direction'],
  ['/', 'filter the rows by a text'],
  ['d, r, w', 'drain the marked server, ready it, set its weight'],
  ['q, Ctrl-C', 'quit'],
] as const

/** The lines of the whole screen: as many as it has rows. */
export function screen(feed: Feed, view: View, { columns, rows }: Size, paint: Paint): string[] {
  const head = [titleLine(feed, columns, paint), tabsLine(view, paint), '']
  const room = Math.max(0, rows - head.length - 1)
  const body = bodyLines(feed, view, { columns, rows: room }, paint).slice(0, room)
  const filling = Array.from({ length: room - body.length }, () => '')
  return [...head, ...body, ...filling, footLine(view, paint)].slice(-rows)
}

function titleLine({ status, connection }: Feed, columns: number, paint: Paint): string {
  const title =
    status === undefined ? 'limpet' : `limpet ${status.version}  ${status.instance}  up ${spanSince(status.since)}`
  const [tone, text] = connectionText(connection)
  const room = Math.max(10, columns - 2)
  // The word on the connection comes first where there is no room for both.
  const shown = text.slice(0, room)
  const left = title.slice(0, Math.max(0, room - shown.length - 2))
  const gap = ' '.repeat(Math.max(0, room - left.length - shown.length))
  return ` ${paint('strong', left)}${gap}${paint(tone, shown)}`
}

function connectionText(connection: Connection): ['good' | 'bad' | 'quiet', string] {
  if (connection.state === 'live') return ['good', '● live']
  if (connection.state === 'connecting') return ['quiet', '○ connecting']
  const since = spanSince(new Date(connection.since).toISOString())
  return ['bad', `✗ connection lost ${since} ago, trying again: ${connection.why}`]
}

function tabsLine({ page, filter, upstream }: View, paint: Paint): string {
  const tabs = PAGES.map((each, index) => {
    const text = `${index + 1} ${each}`
    return each === page ? paint('selected', `[${text}]`) : ` ${text} `
  })
  const limits = [...(upstream === undefined ? [] : [`upstream ${upstream}`]), ...(filter === '' ? [] : [`/${filter}`])]
  return ` ${tabs.join(' ')}${limits.length === 0 ? '' : `   ${paint('warn', limits.join('  '))}`}`
}

function bodyLines(feed: Feed, view: View, size: Size, paint: Paint): string[] {
  const { page, prompt, orders, selected } = view
  const { columns: width, rows } = size
  if (prompt?.type === 'help') return HELP.map(([keys, what]) => `  ${paint('strong', keys.padEnd(22))}${what}`)
  if (prompt?.type === 'confirm') return confirmation(prompt, paint)
  switch (page) {
    case 'Overview':
      return overview(feed, view, size, paint)
    case 'Upstreams': {
      const all = shownUpstreams(feed, view)
      const index = indexOf(all, nameOfUpstream, selected.Upstreams)
      return table(upstreamColumns, all, { index, rows, width, order: orders.Upstreams }, paint)
    }
    case 'Servers': {
      const all = shownServers(feed, view)
      const index = indexOf(all, nameOfServer, selected.Servers)
      return table(serverColumns, all, { index, rows, width, order: orders.Servers }, paint)
    }
    case 'Events':
      return eventLines(feed, view, size, paint)
  }
}

function overview(feed: Feed, view: View, { columns, rows }: Size, paint: Paint): string[] {
  const summary = summaryLines(feed.samples, Math.max(10, columns - 26), columns)
  const upstreams = grid(upstreamColumns, shownUpstreams(feed, view), { width: columns, paint })
  // Half of the rest at most, so that there is room for what happens.
  const left = rows - summary.length - 2
  const shown = upstreams.slice(0, Math.max(2, Math.min(upstreams.length, Math.ceil(left / 2))))
  const events = eventLines(feed, { ...view, scrolled: 0 }, { columns, rows: left - shown.length }, paint)
  return [...summary, '', ...shown, '', ...events]
}

interface Window {
  readonly index: number
  readonly rows: number
  readonly width: number
  readonly order: Order
}

/** As many rows as there is room for, with the marked one among them. */
function table<Row>(columns: readonly Column<Row>[], all: readonly Row[], window: Window, paint: Paint): string[] {
  const { index, rows, width, order } = window
  const room = Math.max(1, rows - 1)
  const first = Math.max(0, Math.min(index - Math.floor(room / 2), all.length - room))
  const shown = all.slice(first, first + room)
  if (shown.length === 0) return ['  nothing matches']
  return grid(columns, shown, { width, paint, order, selected: index - first })
}

function eventLines(feed: Feed, view: View, { columns, rows }: Size, paint: Paint): string[] {
  const events = shownEvents(feed, view).slice(view.scrolled, view.scrolled + Math.max(0, rows))
  if (events.length === 0) return [paint('quiet', '  nothing has happened')]
  const widest = Math.max(...events.map(({ type }) => type.length))
  return events.map(({ at, type, text }) => {
    const room = Math.max(10, columns - widest - 16)
    return `  ${paint('quiet', timeOf(at))}  ${type.padEnd(widest)}  ${text.slice(0, room)}`
  })
}

function confirmation({ action, target, plan }: Prompt & { readonly type: 'confirm' }, paint: Paint): string[] {
  const lines = plan ?? ['asking what it would do …']
  return ['', `  ${paint('strong', `${actionText(action, target)}?`)}`, '', ...lines.map((line) => `  ${line}`)]
}

function footLine({ prompt, notice }: View, paint: Paint): string {
  switch (prompt?.type) {
    case 'help':
      return ' any key: back'
    case 'filter':
      return ` filter: ${prompt.text}▏  ${paint('quiet', 'Enter: keep it   Esc: no filter')}`
    case 'weight':
      return ` weight of ${prompt.target.server}: ${prompt.text}▏  ${paint('quiet', 'Enter: see what it would do   Esc: leave it')}`
    case 'confirm':
      return prompt.plan === undefined ? ' Esc: leave it' : ` ${paint('strong', 'y: do it')}   Esc: leave it`
    case undefined:
      if (notice !== undefined) return ` ${paint(notice.tone, notice.text)}`
      return paint('quiet', ' ?: keys   s: sort   /: filter   d: drain   r: ready   w: weight   q: quit')
  }
}
