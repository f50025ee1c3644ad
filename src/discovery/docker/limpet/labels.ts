import { asList, asMapping } from '../../../config/as-written.ts'
import { alternatives, shown } from '../../../config/error.ts'
import { filterFilesIn } from '../../../config/filters/filter-files.ts'
import type { KeyPath } from '../../../config/key-path.ts'
import { nearest } from '../../../config/nearest.ts'
import { Route } from '../../../config/route.ts'
import { Config } from '../../../config/schema.ts'
import { DetailedServer, ServerFields } from '../../../config/server.ts'
import { splitContradictions } from '../../../config/split-contradictions.ts'
import { Upstreams } from '../../../config/upstream.ts'
import { didYouMean, type Issue, validate } from '../../../config/validate.ts'
import type { FoundRoute, Mistake } from '../../provider.ts'
import type { Container } from '../container.ts'
import { labelPath } from './label-path.ts'
import { readValues, type ValueLabel } from './label-values.ts'

const PREFIX = 'limpet.'
/** The most labels of one container that are read. */
const MOST_LABELS = 1000
/** How much of a label's name is shown. */
const SHOWN = 200

/** Settings of a server that its container may have; its name, id and address are found. */
const { address: _, name: __, id: ___, ...ofServer } = ServerFields.shape
const serverKeys = Object.keys(ofServer)
/** The label that ./setup.sh puts on everything it creates; it has nothing to do with servers. */
const LAB = 'lab'
/** What a route has of `limpet.host` or `limpet.path` besides these two. */
const ofShortRoute = ['filters', 'priority']
const shortLabels = [
  'enable',
  'upstream',
  'port',
  'host',
  'path',
  ...ofShortRoute,
  'affinity',
  'network',
  ...serverKeys,
]

/** What the labels of one container say. */
export interface ReadLabels {
  readonly container: Container
  /** Absent: they do not say. */
  readonly isEnabled?: boolean
  readonly upstream: string
  /** Whether a label names its upstream. */
  readonly isNamed: boolean
  /** The port in its upstream; absent: by default. And in other upstreams. */
  readonly port?: number
  readonly otherPorts: ReadonlyMap<string, number>
  readonly network?: string
  readonly settings: Readonly<Record<string, unknown>>
  /** Settings of upstreams, by their names. */
  readonly upstreams: ReadonlyMap<string, Readonly<Record<string, unknown>>>
  readonly routes: readonly FoundRoute[]
  /** Where there are any, the container cannot be used. */
  readonly mistakes: readonly Mistake[]
}

/** What was read of each container: of most, nothing is new. */
const known = new WeakMap<Container, ReadLabels>()

/** Reads the labels of a container that begin with `limpet.`. */
export function readLabels(container: Container): ReadLabels {
  const read = known.get(container) ?? new LabelReader(container).read()
  known.set(container, read)
  return read
}

class LabelReader {
  readonly #container: Container
  readonly #labels: ReadonlyMap<string, string>
  readonly #mistakes: Mistake[] = []
  readonly #upstreams = new Map<string, ValueLabel[]>()
  readonly #routes = new Map<string, ValueLabel[]>()
  readonly #otherPorts = new Map<string, number>()
  readonly #server: ValueLabel[] = []
  readonly #shortRoute: ValueLabel[] = []

  constructor(container: Container) {
    this.#container = container
    const own = Object.entries(container.labels).filter(([label]) => label.toLowerCase().startsWith(PREFIX))
    if (own.length > MOST_LABELS)
      this.#mistakes.push({
        where: this.#where(undefined),
        message: `expected at most ${MOST_LABELS} labels in ${PREFIX}, found ${own.length}`,
        hint: 'write routes and upstreams into the configuration file',
      })
    this.#labels = new Map(
      (own.length > MOST_LABELS ? own.filter(([label]) => label === `${PREFIX}enable`) : own).map(([label, text]) => [
        label.slice(PREFIX.length),
        text,
      ]),
    )
  }

  read(): ReadLabels {
    const enable = this.#labels.get('enable')
    const isEnabled = enable === undefined ? undefined : this.#switch('enable', enable)
    const named = this.#labels.get('upstream')?.trim()
    const upstream = named ?? this.#container.service
    for (const [name, text] of this.#labels) if (name !== LAB) this.#sort(name, text, upstream)
    const port = this.#port('port', this.#labels.get('port'))
    const network = this.#labels.get('network')?.trim()
    const server = this.#readPart(this.#server, DetailedServer, (value) => ({ address: '127.0.0.1:80', ...value }), [])
    const upstreams = [...new Set([upstream, ...this.#upstreams.keys()])].map((name) => {
      const labels = this.#upstreams.get(name) ?? []
      const complete = (value: object) => ({ [name]: { ...value, servers: [{ from: 'docker' }] } })
      return [
        name,
        this.#readPart(labels, Upstreams, complete, [name], (all) => tlsFiles(asMapping(all)[name])),
      ] as const
    })
    return {
      container: this.#container,
      ...(isEnabled !== undefined && { isEnabled }),
      upstream,
      isNamed: named !== undefined,
      ...(port !== undefined && { port }),
      otherPorts: this.#otherPorts,
      ...(network && { network }),
      settings: server,
      upstreams: new Map(upstreams.filter(([, value]) => Object.keys(value).length > 0)),
      routes: this.#readRoutes(upstream),
      mistakes: this.#mistakes,
    }
  }

  /** Puts a label with those of the same server, upstream or route. */
  #sort(name: string, text: string, upstream: string): void {
    const label = PREFIX + name
    const [first, ...rest] = labelPath(name) ?? []
    if (first === undefined)
      return this.#mistake(name, 'expected keys with dots in between, and [0] for entries of lists')
    if (first === 'upstreams' || first === 'routes') {
      const [group, path] = first === 'upstreams' ? this.#group(name, upstream) : [String(rest[0] ?? ''), rest.slice(1)]
      if (path.length === 0) return this.#mistake(name, `expected ${PREFIX}${String(first)}.NAME.KEY`)
      if (first === 'routes') return add(this.#routes, group, { label, path, text })
      if (path[0] === 'servers') return this.#mistake(name, 'expected no servers', 'the containers are the servers')
      if (path[0] !== 'port' || path.length > 1) return add(this.#upstreams, group, { label, path, text })
      const port = this.#port(name, text)
      if (port !== undefined) this.#otherPorts.set(group, port)
    } else if (first === 'affinity') add(this.#upstreams, upstream, { label, path: [first, ...rest], text })
    else if (ofShortRoute.includes(String(first))) this.#shortRoute.push({ label, path: [first, ...rest], text })
    else if (rest.length === 0 && serverKeys.includes(String(first))) this.#server.push({ label, path: [first], text })
    else if (rest.length > 0 || !shortLabels.includes(String(first))) this.#unknown(name, String(first))
  }

  /** The upstream that `upstreams.NAME.KEY` is about, whose name may have dots where it is the container's own, and the rest. */
  #group(name: string, upstream: string): [string, KeyPath] {
    const own = `upstreams.${upstream}.`
    if (name.startsWith(own)) return [upstream, labelPath(name.slice(own.length)) ?? []]
    const [, group = '', ...path] = labelPath(name) ?? []
    return [String(group), path]
  }

  #unknown(name: string, first: string): void {
    if (Object.hasOwn(Config.shape, first))
      return this.#mistake(name, 'cannot be set by a label', 'set it in the configuration file')
    if (['name', 'id', 'address'].includes(first))
      return this.#mistake(name, 'cannot be set by a label', 'it is found: see docs/discovery/docker.md')
    const meant = nearest(name, shortLabels)
    const known = [...shortLabels.map((key) => PREFIX + key), `${PREFIX}upstreams.NAME.KEY`, `${PREFIX}routes.NAME.KEY`]
    this.#mistake(name, `unknown label, expected ${alternatives(known)}`, didYouMean(meant && PREFIX + meant))
  }

  #readRoutes(upstream: string): FoundRoute[] {
    const [host, path] = [this.#labels.get('host'), this.#labels.get('path')]
    const short = [
      ...(host === undefined ? [] : [{ label: `${PREFIX}host`, path: ['host'], text: host }]),
      ...(host === undefined && path === undefined
        ? []
        : [{ label: `${PREFIX}path`, path: ['path'], text: path ?? '/*' }]),
    ]
    const [other] = this.#shortRoute
    if (short.length === 0 && other !== undefined)
      this.#mistake(
        other.label.slice(PREFIX.length),
        'expected limpet.host or limpet.path beside it',
        `or write limpet.routes.NAME.${String(other.path[0])}`,
      )
    const all = [...(short.length === 0 ? [] : [[...short, ...this.#shortRoute]]), ...this.#routes.values()]
    return all.map((labels) => {
      const read = this.#readPart(labels, Route, (value) => ({ path: '/*', upstream, ...value }), [], notByLabel)
      const { upstream: to = upstream, ...settings } = { path: '/*', ...read }
      return { upstream: String(to), settings, where: `container ${this.#container.name}` }
    })
  }

  /** The part of the configuration that those labels describe; what is wrong is noted. */
  #readPart(
    labels: readonly ValueLabel[],
    schema: Parameters<typeof validate>[0],
    complete: (value: Record<string, unknown>) => unknown,
    place: KeyPath,
    furtherIssues: (written: unknown) => readonly Issue[] = () => [],
  ): Record<string, unknown> {
    const { value, issues } = readValues(labels, (value) => {
      const whole = complete(value)
      const outcome = validate(schema, whole)
      return 'issues' in outcome ? outcome.issues.map((issue) => below(issue, place)) : furtherIssues(whole)
    })
    // An issue with an upstream as a whole is one with its name.
    const whole = place.length > 0 && this.#labels.has('upstream') ? `${PREFIX}upstream` : labels[0]?.label
    for (const { label = whole, message, hint } of issues)
      this.#mistakes.push({ where: this.#where(label), message, hint })
    return value
  }

  #switch(name: string, text: string): boolean | undefined {
    const word = text.trim().toLowerCase()
    if (word === 'true' || word === 'false') return word === 'true'
    this.#mistake(name, `expected true or false, found ${shown(text)}`)
    return undefined
  }

  #port(name: string, text: string | undefined): number | undefined {
    if (text === undefined) return undefined
    const port = /^\d{1,5}$/.test(text.trim()) ? Number(text) : 0
    if (port >= 1 && port <= 65_535) return port
    this.#mistake(name, `expected a port from 1 to 65535, found ${shown(text)}`)
    return undefined
  }

  #mistake(name: string, message: string, hint?: string): void {
    this.#mistakes.push({ where: this.#where(PREFIX + name), message, hint })
  }

  #where(label: string | undefined): string {
    return `container ${this.#container.name}${label === undefined ? '' : `: label ${label.slice(0, SHOWN)}`}`
  }
}

function add(groups: Map<string, ValueLabel[]>, name: string, label: ValueLabel): void {
  groups.set(name, [...(groups.get(name) ?? []), label])
}

function below(issue: Issue, place: KeyPath): Issue {
  return { ...issue, path: issue.path.slice(place.length) }
}

/** What a valid route has that labels cannot say: files, which are the operator's, and splits that do not fit. */
function notByLabel(route: unknown): Issue[] {
  return [...namedFiles(asMapping(route).filters), ...splitContradictions([route], {})].map((issue) =>
    issue.path[0] === 'routes' ? below(issue, ['routes', 0]) : issue,
  )
}

function namedFiles(filters: unknown): Issue[] {
  return filterFilesIn(asList(filters)).map(({ place, file }) =>
    noFile(['filters', ...place], file, 'write the filter into the configuration file, or its users or its body here'),
  )
}

/** A certificate of Limpet's own would also let a container pose as Limpet before others. */
function tlsFiles(upstream: unknown): Issue[] {
  const tls = asMapping(asMapping(upstream).tls)
  const [key] = ['ca', 'cert'].filter((key) => typeof tls[key] === 'string')
  if (key === undefined) return []
  return [noFile(['tls', key], String(tls[key]), 'write the upstream into the configuration file')]
}

function noFile(path: KeyPath, file: string, hint: string): Issue {
  return { path, message: `expected no file of Limpet's own in a label, found ${shown(file)}`, hint }
}
