import type { Applied } from '../../src/admin/answers.ts'
import type { Drain } from '../../src/admin/drain.ts'
import { noServer, noUpstream, OperationRefused } from '../../src/admin/operation-refused.ts'
import type { Author, Operations, ServerResource, WriteOptions } from '../../src/admin/operations.ts'
import type { Explanation, Plan, Planning, Query } from '../../src/admin/planning.ts'
import { assertFresh, etagOf } from '../../src/admin/precondition.ts'
import type { ServerSettings } from '../../src/admin/server-settings.ts'

const MINUTE = 60_000
const at = (time: number) => new Date(time).toISOString()

/**
 * Operations on servers that exist only in memory, which remember who did what. They obey the rules that the interface
 * gives: preconditions, the last server, no change for the same settings again.
 */
export class RememberedOperations implements Operations, Planning {
  /** Each change that was made: `deploy: weight of app/web-1`. */
  readonly done: string[] = []
  readonly #servers = new Map<string, ServerSettings>()
  readonly #drains = new Map<string, Drain>()
  #config = 'upstreams: {}\n'
  #generation = 1
  #pausedUntil: number | undefined

  constructor(servers: readonly ServerSettings[]) {
    for (const settings of servers) this.#servers.set(settings.name!, settings)
  }

  get revision(): string {
    return String(this.#generation)
  }

  config(): string {
    return this.#config
  }

  drift() {
    return this.#generation === 1 ? [] : [{ upstream: 'app', server: 'web-1', message: 'weight 5; the file says 1' }]
  }

  server(upstream: string, name: string): ServerResource | undefined {
    const settings = upstream === 'app' ? this.#servers.get(name) : undefined
    return settings && { id: `id-of-${name}`, settings }
  }

  async reload(options: WriteOptions, by: Author) {
    return this.#change(options, by, 'reload')
  }

  async putConfig(text: string, options: WriteOptions & { changes: 'keep' | 'reset' }, by: Author) {
    if (!text.includes('upstreams')) {
      const problems = [
        { where: 'body:1:1', path: 'upstreams', message: 'expected at least one upstream, found nothing' },
      ]
      throw new OperationRefused('invalid', '1 problem in the configuration', problems)
    }
    const applied = this.#change(options, by, `config of ${text.length} characters, changes ${options.changes}`)
    this.#config = text
    return applied
  }

  async changeServer(
    upstream: string,
    name: string,
    change: Partial<ServerSettings>,
    options: WriteOptions,
    by: Author,
  ) {
    const { settings } = this.#existing(upstream, name)
    assertFresh(options, etagOf(settings))
    if (change.admin !== undefined && change.admin !== 'ready') this.#assertNotLast(name, options)
    const next = { ...settings, ...change }
    if (etagOf(next) === etagOf(settings)) return this.#unchanged()
    this.#servers.delete(name)
    this.#servers.set(next.name ?? name, next)
    return this.#change({}, by, `${Object.keys(change).join(', ')} of ${upstream}/${name}`)
  }

  async putServer(upstream: string, name: string, settings: ServerSettings, options: WriteOptions, by: Author) {
    if (upstream !== 'app') throw noUpstream(upstream, [{ name: 'app' }])
    const current = this.server(upstream, name)
    assertFresh(options, current && etagOf(current.settings))
    this.#servers.set(name, { name, ...settings })
    return { ...this.#change({}, by, `put ${upstream}/${name}`), created: current === undefined }
  }

  async removeServer(upstream: string, name: string, options: WriteOptions, by: Author) {
    const { settings } = this.#existing(upstream, name)
    assertFresh(options, etagOf(settings))
    this.#assertNotLast(name, options)
    this.#servers.delete(name)
    return this.#change({}, by, `remove ${upstream}/${name}`)
  }

  async reset(target: { upstream: string; server: string } | 'all', options: WriteOptions, by: Author) {
    if (target !== 'all') assertFresh(options, etagOf(this.#existing(target.upstream, target.server).settings))
    return this.#change(target === 'all' ? options : {}, by, target === 'all' ? 'reset all' : `reset ${target.server}`)
  }

  drains() {
    return [...this.#drains.values()]
  }

  async drain(
    upstream: string,
    server: string,
    { deadline = 10 * MINUTE, then = 'move' }: Parameters<Operations['drain']>[2],
    options: WriteOptions,
    by: Author,
  ) {
    assertFresh(options, etagOf(this.#existing(upstream, server).settings))
    this.#assertNotLast(server, options)
    const counts = { sessions: 3, active: 1, inFlight: 1, tunnels: 0, moved: 0, emptyAt: null, emptyWithin: null }
    const drain = {
      upstream,
      server,
      state: 'draining',
      started: at(0),
      ended: null,
      deadline: at(deadline),
      then,
      ...counts,
    } as const
    this.#drains.set(server, drain)
    this.#change({}, by, `drain ${upstream}/${server} within ${deadline} ms`)
    return drain
  }

  async undrain(upstream: string, server: string, options: WriteOptions, by: Author) {
    assertFresh(options, etagOf(this.#existing(upstream, server).settings))
    if (!this.#drains.delete(server)) return this.#unchanged()
    return this.#change({}, by, `ready ${upstream}/${server}`)
  }

  pauseOf(upstream: string) {
    if (upstream !== 'app' || this.#pausedUntil === undefined) return undefined
    return { since: at(0), until: at(this.#pausedUntil) }
  }

  async pause(upstream: string, max: number, options: WriteOptions, by: Author) {
    if (upstream !== 'app') throw noUpstream(upstream, [{ name: 'app' }])
    this.#change(options, by, `pause ${upstream} for ${max} ms`)
    this.#pausedUntil = max
    return this.pauseOf(upstream)!
  }

  async resume(upstream: string, options: WriteOptions, by: Author) {
    if (upstream !== 'app') throw noUpstream(upstream, [{ name: 'app' }])
    if (this.#pausedUntil === undefined) return this.#unchanged()
    this.#pausedUntil = undefined
    return this.#change(options, by, `resume ${upstream}`)
  }

  async plan(text: string) {
    const sessions = { live: 3, stay: 3, move: 0, refused: 0, unserved: 0 }
    return { changes: [`a configuration of ${text.length} characters`], sessions, upstreams: [], splits: [] }
  }

  async explain({ path, method = 'GET', host = 'localhost', ip = '127.0.0.1' }: Query): Promise<Explanation> {
    const request = { method, host, path, ip }
    const nothing = { route: null, upstream: null, session: null, server: null, reason: null }
    return { summary: 'no route matches', request, ...nothing, closest: [], filters: [], candidates: [], status: 404 }
  }

  async applies() {
    return []
  }

  planServer(upstream: string, server: string): Promise<Plan> {
    return this.plan(`${upstream}/${server}`)
  }

  explainShown(id: string): Promise<Explanation> {
    return this.explain({ path: `/${id}` })
  }

  async upgrade(_options: WriteOptions, by: Author) {
    this.done.push(`${by.name}: upgrade`)
    return { pid: 4711 }
  }

  #existing(upstream: string, name: string): ServerResource {
    const server = this.server(upstream, name)
    if (server === undefined)
      throw noServer(
        upstream,
        name,
        [...this.#servers.keys()].map((each) => ({ name: each })),
      )
    return server
  }

  #assertNotLast(name: string, { force = false }: WriteOptions): void {
    const others = [...this.#servers.keys()].filter((other) => other !== name && !this.#drains.has(other))
    if (others.length > 0 || force) return
    throw new OperationRefused('last-server', `${name} is the last server of app that may serve; force it all the same`)
  }

  #unchanged(): Applied {
    return { generation: this.#generation, revision: this.revision, changes: [] }
  }

  #change(options: WriteOptions, by: Author, what: string): Applied {
    assertFresh(options, etagOf(this.revision))
    this.#generation++
    this.done.push(`${by.name}: ${what}`)
    return { ...this.#unchanged(), changes: [what] }
  }
}
