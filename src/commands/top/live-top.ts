import type { Key } from 'node:readline'
import type { AdminClient } from '../admin-client.ts'
import { CommandFailure } from '../command-failure.ts'
import { formatServer } from '../server-argument.ts'
import { untilStopped } from '../until-stopped.ts'
import { carryOut, isSo, planned, type ServerAction } from './change.ts'
import { Feed } from './feed.ts'
import type { Column, Order } from './grid.ts'
import { indexOf, nameOfServer, nameOfUpstream, shownEvents, shownServers, shownUpstreams } from './rows.ts'
import { screen } from './screen.ts'
import { type ServerRow, serverColumns, upstreamColumns } from './tables.ts'
import { Terminal } from './terminal.ts'
import { firstView, PAGES, type Prompt, type View } from './view.ts'

/** How often the times on the screen are brought up to date, in ms. */
const TICK = 1000
const MOST_TEXT = 60
const GREATEST_WEIGHT = 65_535

/** `limpet top` on a terminal: what is known on one side, the operator's keys on the other. */
export class LiveTop {
  readonly #client: AdminClient
  readonly #feed: Feed
  readonly #terminal = new Terminal()
  readonly #quitting = new AbortController()
  #view: View = firstView

  constructor(client: AdminClient) {
    this.#client = client
    this.#feed = new Feed(client, () => this.#draw())
  }

  /**
   * Resolves once the operator has quit; the terminal is as it was.
   *
   * @throws CommandFailure if the API refuses, or none has ever answered
   */
  async run(): Promise<void> {
    void untilStopped(() => this.#quit(), ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP'])
    const ticking = setInterval(() => this.#draw(), TICK)
    try {
      await this.#feed.refresh()
      this.#terminal.takeOver(
        (key, text) => this.#pressed(key, text),
        () => this.#draw(),
      )
      await this.#feed.run(this.#quitting.signal)
    } finally {
      clearInterval(ticking)
      this.#terminal.restore()
    }
  }

  #quit(): void {
    this.#quitting.abort()
  }

  #draw(): void {
    const { size, paint } = this.#terminal
    this.#terminal.draw(screen(this.#feed, this.#view, size, paint))
  }

  #show(change: Partial<View>): void {
    this.#view = { ...this.#view, ...change }
    this.#draw()
  }

  #pressed(key: Key, text: string): void {
    if (key.ctrl && key.name === 'c') return this.#quit()
    const { prompt } = this.#view
    switch (prompt?.type) {
      case undefined:
        return this.#command(key, text)
      case 'help':
        return this.#show({ prompt: undefined })
      case 'filter':
      case 'weight':
        return this.#type(prompt, key, text)
      case 'confirm':
        return this.#answer(prompt, key)
    }
  }

  #command({ name, shift }: Key, text: string): void {
    this.#view = { ...this.#view, notice: undefined }
    const page = PAGES[Number(text) - 1]
    if (page !== undefined) return this.#show({ page })
    const at = PAGES.indexOf(this.#view.page)
    if (name === 'tab') return this.#show({ page: PAGES.at((at + (shift ? -1 : 1)) % PAGES.length)! })
    if (name === 'up' || text === 'k') return this.#move(-1)
    if (name === 'down' || text === 'j') return this.#move(1)
    const { rows } = this.#terminal.size
    if (name === 'pageup') return this.#move(5 - rows)
    if (name === 'pagedown') return this.#move(rows - 5)
    if (name === 'home') return this.#move(Number.NEGATIVE_INFINITY)
    if (name === 'end') return this.#move(Number.POSITIVE_INFINITY)
    if (name === 'return') return this.#enter()
    if (name === 'escape') return this.#show({ filter: '', upstream: undefined })
    switch (text) {
      case 'q':
        return this.#quit()
      case '?':
        return this.#show({ prompt: { type: 'help' } })
      case '/':
        return this.#show({ prompt: { type: 'filter', text: this.#view.filter } })
      case 's':
        return this.#sort((order, columns) => nextOrder(order, columns))
      case 'o':
        return this.#sort((order) => ({ ...order, isDescending: !order.isDescending }))
      case 'd':
        return this.#propose({ type: 'drain' })
      case 'r':
        return this.#propose({ type: 'ready' })
      case 'w':
        return this.#askWeight()
    }
    this.#draw()
  }

  #move(by: number): void {
    const { page, selected, scrolled } = this.#view
    if (page === 'Events') {
      const most = Math.max(0, shownEvents(this.#feed, this.#view).length - 1)
      return this.#show({ scrolled: Math.max(0, Math.min(scrolled + by, most)) })
    }
    if (page === 'Upstreams') {
      const names = shownUpstreams(this.#feed, this.#view).map(nameOfUpstream)
      return this.#show({ selected: { ...selected, Upstreams: stepped(names, selected.Upstreams, by) } })
    }
    if (page === 'Servers') {
      const names = shownServers(this.#feed, this.#view).map(nameOfServer)
      return this.#show({ selected: { ...selected, Servers: stepped(names, selected.Servers, by) } })
    }
  }

  /** From an upstream to its servers. */
  #enter(): void {
    if (this.#view.page !== 'Upstreams') return
    const rows = shownUpstreams(this.#feed, this.#view)
    const row = rows[indexOf(rows, nameOfUpstream, this.#view.selected.Upstreams)]
    if (row !== undefined) this.#show({ page: 'Servers', upstream: row.upstream.name, filter: '' })
  }

  #sort(next: (order: Order, columns: readonly Pick<Column<never>, 'title' | 'isLeft'>[]) => Order): void {
    const { page, orders } = this.#view
    if (page === 'Upstreams')
      return this.#show({ orders: { ...orders, Upstreams: next(orders.Upstreams, upstreamColumns) } })
    if (page === 'Servers') return this.#show({ orders: { ...orders, Servers: next(orders.Servers, serverColumns) } })
  }

  /** The marked server; says how to mark one where none is. */
  #markedServer(): ServerRow | undefined {
    const rows = shownServers(this.#feed, this.#view)
    if (this.#view.page === 'Servers' && rows.length > 0) {
      return rows[indexOf(rows, nameOfServer, this.#view.selected.Servers)]
    }
    this.#show({ page: 'Servers', notice: { text: 'mark a server with ↑ and ↓ first', tone: 'warn' } })
    return undefined
  }

  #askWeight(): void {
    const row = this.#markedServer()
    if (row === undefined) return
    const target = { upstream: row.upstream, server: row.server.name }
    this.#show({ prompt: { type: 'weight', text: String(row.server.weight), target } })
  }

  /** Shows what it would do, before it is done. */
  #propose(action: ServerAction): void {
    const row = this.#markedServer()
    if (row === undefined) return
    const target = { upstream: row.upstream, server: row.server.name }
    if (isSo(row.server, action)) {
      const text = `${formatServer(target)} is so already`
      return this.#show({ prompt: undefined, notice: { text, tone: 'warn' } })
    }
    const prompt: Prompt = { type: 'confirm', target, action, plan: undefined }
    this.#show({ prompt })
    planned(this.#client, target, action).then(
      (plan) => {
        // The operator may have left it by now.
        if (this.#view.prompt === prompt) this.#show({ prompt: { ...prompt, plan } })
      },
      (error) => this.#failed(error),
    )
  }

  #answer(prompt: Prompt & { readonly type: 'confirm' }, { name, sequence }: Key): void {
    if (name === 'escape' || sequence === 'n' || sequence === 'q') return this.#show({ prompt: undefined })
    if (sequence !== 'y' || prompt.plan === undefined) return
    this.#show({ prompt: undefined, notice: { text: 'asking for it …', tone: 'quiet' } })
    carryOut(this.#client, prompt.target, prompt.action).then(
      async (text) => {
        this.#show({ notice: { text, tone: 'good' } })
        await this.#feed.refresh().catch(() => {})
      },
      (error) => this.#failed(error),
    )
  }

  /** A refusal is shown; anything else is a bug, and ends this. */
  #failed(error: unknown): void {
    if (!(error instanceof CommandFailure)) throw error
    this.#show({ prompt: undefined, notice: { text: error.message.replaceAll('\n', ' '), tone: 'bad' } })
  }

  #type(prompt: Prompt & { readonly type: 'filter' | 'weight' }, { name, ctrl, meta }: Key, text: string): void {
    if (name === 'return') return this.#typed(prompt)
    if (name === 'escape') {
      return this.#show(prompt.type === 'filter' ? { prompt: undefined, filter: '' } : { prompt: undefined })
    }
    const isCharacter = !ctrl && !meta && /^[\x20-\x7e]$/.test(text)
    const next =
      name === 'backspace' ? prompt.text.slice(0, -1) : `${prompt.text}${isCharacter ? text : ''}`.slice(0, MOST_TEXT)
    const filter = prompt.type === 'filter' ? { filter: next } : {}
    this.#show({ prompt: { ...prompt, text: next }, ...filter })
  }

  #typed(prompt: Prompt & { readonly type: 'filter' | 'weight' }): void {
    if (prompt.type === 'filter') return this.#show({ prompt: undefined })
    const weight = /^\d{1,5}$/.test(prompt.text) ? Number(prompt.text) : 0
    if (weight >= 1 && weight <= GREATEST_WEIGHT) return this.#propose({ type: 'weight', weight })
    const text = `a weight is a whole number from 1 to ${GREATEST_WEIGHT}`
    this.#show({ prompt: undefined, notice: { text, tone: 'bad' } })
  }
}

/** The name so many rows further, within those that there are. */
function stepped(names: readonly string[], name: string | undefined, by: number): string | undefined {
  const index = Math.max(0, name === undefined ? 0 : names.indexOf(name))
  return names[Math.max(0, Math.min(index + by, names.length - 1))]
}

/** By the next column; after the last, as they are configured. Numbers begin with the largest. */
function nextOrder({ column }: Order, columns: readonly Pick<Column<never>, 'title' | 'isLeft'>[]): Order {
  const next = columns[columns.findIndex(({ title }) => title === column) + 1]
  return next === undefined
    ? { column: '', isDescending: false }
    : { column: next.title, isDescending: next.isLeft !== true }
}
