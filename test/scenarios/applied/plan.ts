/** The configurations of the test, one after the other, each as a plan that the model understands. */
import { parseConfig } from '../../../src/config/file.ts'
import type { Config } from '../../../src/config/schema.ts'
import { MAX_SERVERS } from '../../../src/runtime/bounds.ts'

export interface PlannedServer {
  readonly name: string
  /** At which of its two addresses it is. */
  readonly place: 0 | 1
  readonly weight: number
  readonly drain: boolean
  readonly down: boolean
}

export interface PlannedUpstream {
  readonly name: string
  readonly balance: string
  readonly affinity: 'cookie' | 'learn' | undefined
  readonly onLost: 'move' | 'refuse'
  /** 0: any number. */
  readonly maxConnections: number
  /** Of idle connections, in s. */
  readonly idle: number
  readonly servers: readonly PlannedServer[]
}

export interface Plan {
  readonly upstreams: readonly PlannedUpstream[]
  readonly bodySize: number
}

const BALANCES = ['round-robin', 'least-connections', 'random-two', 'least-time', 'consistent-hash']

/** So many slots are free for the servers of the plans; the rest belongs to servers that no route leads to. */
const ROOM = 42

/** Makes plans with one source of random numbers. */
export class Planner {
  readonly #random: () => number
  #added = 0

  constructor(random: () => number) {
    this.#random = random
  }

  get first(): Plan {
    return {
      bodySize: 0,
      upstreams: [
        upstreamOf('still', 3),
        upstreamOf('weak', 3),
        upstreamOf('pages', 4),
        upstreamOf('till', 2, { maxConnections: 1 }),
        upstreamOf('desk', 2, { affinity: 'cookie', maxConnections: 1 }),
        upstreamOf('live', 3),
        upstreamOf('shop', 4, { affinity: 'cookie' }),
        upstreamOf('forum', 4, { affinity: 'learn' }),
      ],
    }
  }

  /** A plan that differs from the last one in up to five things, or in none. */
  after(plan: Plan): Plan {
    let next = this.#below(2) === 0 ? plan : this.#withNewcomer(plan)
    for (let changes = this.#below(5); changes > 0; changes--) next = this.#changed(next)
    return next
  }

  #changed(plan: Plan): Plan {
    if (this.#below(12) === 0) return { ...plan, bodySize: 1000 + this.#below(1000) }
    const changing = this.#one(plan.upstreams)
    return {
      ...plan,
      upstreams: plan.upstreams.map((each) => (each === changing ? this.#changedUpstream(each) : each)),
    }
  }

  #changedUpstream(upstream: PlannedUpstream): PlannedUpstream {
    const idle = 30 + this.#below(30)
    switch (upstream.name) {
      case 'still':
        return { ...upstream, idle }
      case 'weak':
        return { ...upstream, idle, servers: this.#reweighted(upstream.servers) }
      case 'pages':
        return this.#below(4) === 0
          ? { ...upstream, balance: this.#one(BALANCES) }
          : { ...upstream, servers: this.#changedServers(upstream) }
      case 'till':
        return this.#below(2) === 0
          ? { ...upstream, maxConnections: this.#below(3) }
          : { ...upstream, servers: this.#changedServers(upstream) }
      case 'desk':
        return this.#below(4) === 0
          ? { ...upstream, maxConnections: 1 + this.#below(2) }
          : { ...upstream, servers: this.#changedServers(upstream) }
      case 'shop':
        if (this.#below(8) === 0)
          return { ...upstream, affinity: upstream.affinity === 'cookie' ? undefined : 'cookie' }
        break
    }
    if (this.#below(6) === 0) return { ...upstream, onLost: upstream.onLost === 'move' ? 'refuse' : 'move' }
    return { ...upstream, servers: this.#changedServers(upstream) }
  }

  #reweighted(servers: readonly PlannedServer[]): PlannedServer[] {
    const changing = this.#one(servers)
    return servers.map((each) => (each === changing ? { ...each, weight: 1 + this.#below(5) } : each))
  }

  /** An upstream whose last server goes is left out of the configuration. */
  #changedServers({ name, servers }: PlannedUpstream): PlannedServer[] {
    const changing = servers.length === 0 ? undefined : this.#one(servers)
    const change = changing === undefined ? 5 : this.#below(servers.length > 3 ? 5 : 8)
    if (change >= 6 || change === 5) return this.#withOneMore(name, servers)
    return servers.flatMap((server) => {
      if (server !== changing) return this.#below(30) === 0 ? [] : server
      switch (change) {
        case 0:
          return { ...server, place: server.place === 0 ? 1 : 0 } as const
        case 1:
          return { ...server, weight: 1 + this.#below(5) }
        case 2:
          return { ...server, drain: !server.drain }
        case 3:
          return { ...server, down: !server.down }
        default:
          return []
      }
    })
  }

  /** The same plan with one server replaced, so that slots change hands. */
  #withNewcomer(plan: Plan): Plan {
    const upstream = this.#one(plan.upstreams.filter(({ name, servers }) => servers.length > 0 && isFree(name)))
    const { name, servers } = upstream
    const newcomer = serverNamed(nameOf(name, 10 + this.#added++))
    const next = { ...upstream, servers: servers.with(this.#below(servers.length), newcomer) }
    return { ...plan, upstreams: plan.upstreams.map((each) => (each === upstream ? next : each)) }
  }

  /** One that was there at first, or one that has never been. */
  #withOneMore(upstream: string, servers: readonly PlannedServer[]): PlannedServer[] {
    const missing = [0, 1, 2, 3].map((index) => nameOf(upstream, index))
    const old = missing.filter((name) => !servers.some((server) => server.name === name))
    const isNew = old.length === 0 || this.#below(4) > 0
    const name = isNew ? nameOf(upstream, 10 + this.#added++) : this.#one(old)
    const at = this.#below(servers.length + 1)
    return servers.toSpliced(at, 0, serverNamed(name))
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }

  #one<Item>(items: readonly Item[]): Item {
    return items[this.#below(items.length)]!
  }
}

/** Whether servers may come to it and go. */
function isFree(upstream: string): boolean {
  return upstream !== 'still' && upstream !== 'weak'
}

function nameOf(upstream: string, index: number): string {
  return `${upstream}-${index}`
}

function serverNamed(name: string): PlannedServer {
  return { name, place: 0, weight: 1, drain: false, down: false }
}

function upstreamOf(name: string, servers: number, settings: Partial<PlannedUpstream> = {}): PlannedUpstream {
  const names = Array.from({ length: servers }, (_, index) => nameOf(name, index))
  const usual = { balance: 'round-robin', affinity: undefined, onLost: 'move', maxConnections: 0, idle: 60 } as const
  return { ...usual, ...settings, name, servers: names.map(serverNamed) }
}

/** Configurations of plans, all of one balancer. */
export class Configurations {
  readonly #folder: string
  readonly #addressOf: (server: PlannedServer) => string
  /** They leave few slots to others, so that these change hands. */
  #idlers: Config['upstreams'][number] | undefined

  constructor(folder: string, addressOf: (server: PlannedServer) => string) {
    this.#folder = folder
    this.#addressOf = addressOf
  }

  of({ bodySize, upstreams }: Plan): Config {
    const present = upstreams.filter(({ servers }) => servers.length > 0)
    const config = parseConfig(
      JSON.stringify({
        listeners: [{ address: '127.0.0.1', port: 0 }],
        workers: 2,
        admin: { port: 0 },
        stateDirectory: this.#folder,
        accessLog: { format: 'json', file: `${this.#folder}/access.log` },
        limits: { bodySize: bodySize === 0 ? 'unlimited' : `${bodySize}B` },
        routes: present.map(({ name }) => ({ path: `/${name}/*`, upstream: name })),
        upstreams: Object.fromEntries(present.map((upstream) => [upstream.name, this.#upstream(upstream)])),
      }),
      'limpet.yaml',
      {},
    )
    this.#idlers ??= idlersLike(config.upstreams[0]!)
    return { ...config, upstreams: [...config.upstreams, this.#idlers] }
  }

  #upstream({ balance, affinity, onLost, maxConnections, idle, servers }: PlannedUpstream) {
    const type = { cookie: { type: 'cookie' }, learn: { type: 'learn', from: 'header:x-session' }, none: undefined }
    const tie = type[affinity ?? 'none']
    return {
      balance: balance === 'consistent-hash' ? { type: balance, key: 'uri' } : balance,
      ...(tie && { affinity: { ...tie, onLost } }),
      keepAlive: { idle: `${idle}s` },
      queue: { timeout: 0 },
      servers: servers.map((server) => ({
        name: server.name,
        address: this.#addressOf(server),
        weight: server.weight,
        drain: server.drain,
        down: server.down,
        maxConnections: maxConnections === 0 ? 'unlimited' : maxConnections,
        failTimeout: '1h',
      })),
    }
  }
}

function idlersLike(upstream: Config['upstreams'][number]): Config['upstreams'][number] {
  const servers = Array.from({ length: MAX_SERVERS - ROOM }, (_, index) => ({
    ...upstream.servers[0]!,
    id: `idler-${index}`,
    name: `idler-${index}`,
  }))
  return { ...upstream, name: 'idlers', servers }
}
