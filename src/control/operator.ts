import type { Apply, Drift, Pause, Applied as Shown } from '../admin/answers.ts'
import type { Drain, DrainOptions } from '../admin/drain.ts'
import { OperationRefused } from '../admin/operation-refused.ts'
import type { Author, Operations, ServerResource, WriteOptions } from '../admin/operations.ts'
import { assertFresh, etagOf } from '../admin/precondition.ts'
import type { ServerSettings, ServerChange as SettingsChange } from '../admin/server-settings.ts'
import { ConfigError } from '../config/error.ts'
import { printConfig } from '../config/print.ts'
import type { Config } from '../config/schema.ts'
import type { Server } from '../config/server.ts'
import { withStandardRedirect } from '../config/standard-redirect.ts'
import { AILMENTS } from '../runtime/health-bit.ts'
import {
  type DesiredState,
  desiredState,
  reloaded,
  resetAll,
  serverNamed,
  upstreamNamed,
} from './desired/desired-state.ts'
import { driftOf, fileOf } from './desired/drift.ts'
import { writtenServer } from './desired/effective-config.ts'
import { NO_CHANGES } from './desired/operator-changes.ts'
import { type LoadAgain, nameOfGiven } from './desired/restored.ts'
import {
  changeServer,
  type Force,
  putServer,
  removeServer,
  resetServer,
  type ServerEdit,
  type ServerName,
  type Settings,
  serverIn,
  setPause,
  upstreamIn,
} from './desired/server-verbs.ts'
import type { DrainOrders } from './drains/drain-orders.ts'
import type { Applied, Handover } from './handover.ts'
import type { Parts } from './parts.ts'
import { ListenError } from './workers/listen-error.ts'

/** Carries out what operators ask for through the admin API: makes each request a change of the desired state. */
export class Operator implements Operations {
  readonly #parts: Parts
  readonly #handover: Handover
  readonly #drainOrders: DrainOrders
  readonly #load: LoadAgain
  readonly #upgrade: () => Promise<{ readonly pid: number }>
  /** The configuration that was last asked for: with 10,000 routes, writing it takes half a second. */
  #written: { readonly config: Config; readonly text: string } | undefined

  constructor(
    parts: Parts,
    handover: Handover,
    drains: DrainOrders,
    load: LoadAgain,
    upgrade: () => Promise<{ readonly pid: number }>,
  ) {
    this.#parts = parts
    this.#handover = handover
    this.#drainOrders = drains
    this.#load = load
    this.#upgrade = upgrade
  }

  get #desired(): DesiredState {
    return this.#handover.desired
  }

  // ── what there is ──────────────────────────────────────────────────────────────────────────────────────────────

  get revision(): string {
    return this.#handover.revision
  }

  config(): string {
    const { config } = this.#handover
    if (this.#written?.config !== config) {
      const text = printConfig(withStandardRedirect(config), 'The effective configuration', 'hidden')
      this.#written = { config, text }
    }
    return this.#written!.text
  }

  drift(): readonly Drift[] {
    return driftOf(this.#desired)
  }

  server(upstream: string, name: string): ServerResource | undefined {
    const server = this.#find({ upstream, server: name })
    if (server === undefined) return undefined
    const file = fileOf(this.#desired, upstream, server)
    const admin = this.#desired.changes.upstreams[upstream]?.servers[server.id]?.admin
    const isSaidDown = server.source !== undefined && server.down && admin !== 'maintenance'
    return {
      id: server.id,
      settings: settingsOf(server),
      ...(file !== undefined && { file }),
      ...(server.source !== undefined && { source: server.source }),
      ...(server.away && { isAway: true }),
      ...(isSaidDown && { isSaidDown }),
    }
  }

  drains(): readonly Drain[] {
    return this.#drainOrders.views()
  }

  /** Who has made the last change of a server; undefined if it is as the file says. */
  changedBy(upstream: string, name: string): string | undefined {
    const server = this.#find({ upstream, server: name })
    return server && this.#desired.changes.upstreams[upstream]?.servers[server.id]?.by
  }

  pauseOf(upstream: string): Pause | undefined {
    const pause = this.#desired.changes.upstreams[upstream]?.pause
    return pause && pauseShown(pause)
  }

  async applies(): Promise<Apply[]> {
    const applies = await this.#parts.applies.all()
    return applies.map(({ generation, revision, at, by, changes, diff }) => ({
      generation,
      revision,
      at: new Date(at).toISOString(),
      by: by ?? null,
      changes: [...changes],
      diff: diff ?? null,
    }))
  }

  #find({ upstream, server }: ServerName): Server | undefined {
    const found = upstreamNamed(this.#desired.config, upstream)
    return found && serverNamed(found, server)
  }

  // ── changes ────────────────────────────────────────────────────────────────────────────────────────────────────

  reload(options: WriteOptions, by: Author): Promise<Shown> {
    return this.#change(by, 'reload', (now) => {
      assertFresh(options, etagOf(this.revision))
      return reloaded(now, this.#load())
    })
  }

  putConfig(text: string, options: WriteOptions & { readonly changes: 'keep' | 'reset' }, by: Author): Promise<Shown> {
    return this.#change(by, 'another configuration', (now) => {
      assertFresh(options, etagOf(this.revision))
      const config = { text, ...stampOf(by) }
      const base = this.#load({ text, name: nameOfGiven(config) })
      const changes = options.changes === 'reset' ? NO_CHANGES : now.changes
      return desiredState(base, now.found, { ...changes, config })
    })
  }

  changeServer(
    upstream: string,
    server: string,
    change: SettingsChange,
    options: WriteOptions,
    by: Author,
  ): Promise<Shown> {
    return this.#changeServer({ upstream, server }, editOf(change), options, by)
  }

  async putServer(
    upstream: string,
    server: string,
    { admin, ...settings }: ServerSettings,
    options: WriteOptions,
    by: Author,
  ): Promise<Shown & { readonly created: boolean }> {
    const name = { upstream, server }
    let created = false
    const applied = await this.#change(by, `put ${inWords(name)}`, (now) => {
      created = this.#find(name) === undefined
      this.#assertFreshServer(name, options)
      const state = admin === undefined ? {} : { down: admin === 'maintenance', drain: admin === 'drain' }
      return putServer(now, name, { ...(settings as Settings), ...state }, this.#force(options), stampOf(by))
    })
    return { ...applied, created }
  }

  removeServer(upstream: string, server: string, options: WriteOptions, by: Author): Promise<Shown> {
    const name = { upstream, server }
    return this.#change(by, `remove ${inWords(name)}`, (now) => {
      this.#assertFreshServer(name, options)
      return removeServer(now, name, this.#force(options), stampOf(by))
    })
  }

  reset(target: ServerName | 'all', options: WriteOptions, by: Author): Promise<Shown> {
    if (target === 'all') {
      return this.#change(by, 'reset all', (now) => {
        assertFresh(options, etagOf(this.revision))
        return resetAll(now, now.changes.config === undefined ? now.file : this.#load())
      })
    }
    return this.#change(by, `reset ${inWords(target)}`, (now) => {
      this.#assertFreshServer(target, options)
      return resetServer(now, target)
    })
  }

  async drain(
    upstream: string,
    server: string,
    options: DrainOptions,
    write: WriteOptions,
    by: Author,
  ): Promise<Drain> {
    const name = { upstream, server }
    let id = ''
    await this.#change(by, `drain ${inWords(name)}`, (now) => {
      this.#assertFreshServer(name, write)
      const found = serverIn(now, name)
      id = found.server.id
      const former = now.changes.upstreams[upstream]?.servers[id]?.drain
      // Asked for again, the drain goes on, as it was ordered or as it is said now.
      const before = former ?? found.upstream.drain
      const { deadline = before.deadline, then = before.then, spread = before.spread } = options
      const drain = { startedAt: former?.startedAt ?? Date.now(), deadline, then, spread }
      const isCut = former?.isCut === true && options.deadline === undefined
      const edit = { admin: 'drain' as const, drain: isCut ? { ...drain, isCut: true as const } : drain }
      return changeServer(now, name, edit, this.#force(write), stampOf(by))
    })
    // What is on the server is known after the first look.
    await this.#drainOrders.look()
    const view = this.#drainOrders.view(upstream, id)
    if (view === undefined) throw new OperationRefused('conflict', `${inWords(name)} is gone`)
    return view
  }

  undrain(upstream: string, server: string, options: WriteOptions, by: Author): Promise<Shown> {
    return this.#changeServer({ upstream, server }, { admin: 'ready' }, options, by)
  }

  async pause(upstream: string, max: number, options: WriteOptions, by: Author): Promise<Pause> {
    const until = Date.now() + max
    await this.#change(by, `pause ${upstream}`, (now) => {
      assertFresh(options, etagOf(this.revision))
      return setPause(now, upstream, until, stampOf(by))
    })
    return this.pauseOf(upstream) ?? pauseShown({ until, at: Date.now() })
  }

  resume(upstream: string, options: WriteOptions, by: Author): Promise<Shown> {
    return this.#change(by, `resume ${upstream}`, (now) => {
      assertFresh(options, etagOf(this.revision))
      upstreamIn(now.config, upstream)
      return setPause(now, upstream, undefined, stampOf(by))
    })
  }

  #changeServer(name: ServerName, edit: ServerEdit, options: WriteOptions, by: Author): Promise<Shown> {
    return this.#change(by, `change ${inWords(name)}`, (now) => {
      this.#assertFreshServer(name, options)
      return changeServer(now, name, edit, this.#force(options), stampOf(by))
    })
  }

  /** Carries out a change, and logs who has made it. */
  async #change({ name }: Author, what: string, make: (now: DesiredState) => DesiredState): Promise<Shown> {
    const { events } = this.#parts
    let applied: Applied
    try {
      applied = await this.#handover.change(make, `${what}, by ${name}`)
    } catch (error) {
      const refusal = refusalOf(error)
      events.add({ type: 'operator', author: name, message: `${what}: refused: ${refusal.message}` })
      throw refusal
    }
    const { generation, changes } = applied
    events.add({ type: 'operator', author: name, message: changes.length > 0 ? what : `${what}: nothing to change` })
    return { generation, revision: this.revision, changes: [...changes] }
  }

  #assertFreshServer(name: ServerName, options: WriteOptions): void {
    const server = this.#find(name)
    assertFresh(options, server && etagOf(settingsOf(server)))
  }

  #force({ force = false }: WriteOptions): Force {
    const { supervisor, scoreboard } = this.#parts
    return {
      force,
      isWell(upstream, id) {
        const running = supervisor.snapshot.upstreams.find(({ name }) => name === upstream)
        const server = running?.servers.find((each) => each.id === id)
        return server === undefined || (scoreboard.servers.health(server.slot) & AILMENTS) === 0
      },
    }
  }

  async upgrade(_options: WriteOptions, { name }: Author): Promise<{ readonly pid: number }> {
    this.#parts.log.info(`upgrade, by ${name}`, { event: 'upgrade-started', by: name })
    try {
      return await this.#upgrade()
    } catch (error) {
      if (error instanceof OperationRefused) throw error
      throw new OperationRefused('failed', (error as Error).message)
    }
  }
}

/** Every error that a change of the configuration may end with, as the admin API knows it. */
export function refusalOf(error: unknown): Error {
  if (error instanceof ConfigError) return new OperationRefused('invalid', error.message, error.problems)
  if (error instanceof ListenError) return new OperationRefused('conflict', error.message)
  return error as Error
}

export function editOf({ admin, ...settings }: SettingsChange): ServerEdit {
  return { settings: settings as Settings, ...(admin !== undefined && { admin }) }
}

function settingsOf(server: Server): ServerSettings {
  const { id: _, ...settings } = writtenServer(server)
  return settings as ServerSettings
}

function pauseShown({ at, until }: { readonly at: number; readonly until: number }): Pause {
  return { since: new Date(at).toISOString(), until: new Date(until).toISOString() }
}

function stampOf({ name }: Author): { by: string; at: number } {
  return { by: name, at: Date.now() }
}

function inWords({ upstream, server }: ServerName): string {
  return `${upstream}/${server}`
}
