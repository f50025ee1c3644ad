import { alternatives } from '../../../config/error.ts'
import { formatSize } from '../../../config/size.ts'
import type { FoundRoute } from '../../provider.ts'
import type { Container, Described, DescribedServer, DescribedUpstream, Dialect } from '../container.ts'
import { LabelMistakes } from '../label-mistakes.ts'
import { claimsThatCount } from './agreement.ts'
import { type Claim, claimsOf } from './claims.ts'
import { type Definition, type Definitions, definitionsOf } from './definitions.ts'
import { type ContainerLabels, labelsOf } from './labels.ts'
import { type Handling, Middlewares } from './middlewares/middlewares.ts'
import { levelsOf } from './precedence.ts'
import { joined, type Requirements } from './requirements.ts'
import { needsTlsOptions, ruleLabel, ruleOf, serviceNamed } from './routers.ts'
import { serverOf, upstreamOf } from './services.ts'

/** The labels of Traefik 2 and 3. See docs/discovery/traefik.md. */
export const traefik: Dialect = {
  name: 'traefik',
  read(containers) {
    const mistakes = new LabelMistakes()
    const { upstreams, routes } = new Landscape(containers, mistakes)
    return { upstreams, routes, mistakes: mistakes.all }
  },
}

class Landscape implements Omit<Described, 'mistakes'> {
  readonly upstreams: readonly DescribedUpstream[]
  readonly routes: readonly FoundRoute[]
  /** The newest first. */
  readonly #labels: ReadonlyMap<Container, ContainerLabels>
  readonly #mistakes: LabelMistakes
  readonly #definitions: Definitions
  /** The containers of each service, in the order in which they were created. */
  readonly #members: ReadonlyMap<string, readonly ContainerLabels[]>

  constructor(containers: readonly Container[], mistakes: LabelMistakes) {
    const newestFirst = containers.toSorted((a, b) => b.created - a.created || (a.id < b.id ? 1 : -1))
    this.#mistakes = mistakes
    const labels = newestFirst.map((container) => labelsOf(container, mistakes)).filter((own) => own !== undefined)
    this.#labels = new Map(labels.map((own) => [own.container, own]))
    this.#definitions = definitionsOf(labels, mistakes)
    this.#members = membersOf(labels.toReversed())
    const claims = claimsThatCount(this.#claims(), mistakes)
    this.routes = routesOf(claims, mistakes)
    this.upstreams = [...new Set(claims.map(({ upstream }) => upstream))].map((name) => this.#upstream(name))
  }

  /** What each router requires of a request, and what is done to that. */
  #claims(): Claim[] {
    const middlewares = new Middlewares(this.#definitions.middlewares, this.#mistakes)
    const routers = [...this.#definitions.routers.values(), ...this.#defaultRouters()]
    const claims = routers.flatMap((router) => {
      if (this.#labels.get(router.container)!.unreadable.has(router.name)) return []
      // Each is asked, so that everything that is wrong with a router is reported at once.
      const rule = ruleOf(router, defaultNameOf(router.container), this.#mistakes)
      const upstream = this.#serviceOf(router)
      const handling = middlewares.handlingOf(router)
      const isOpen = handling !== undefined && !needsTlsOptions(router, this.#mistakes)
      if (upstream === undefined) return []
      const claim = { router, upstream, priority: rule.priority, ...(isOpen && { handling }) }
      return rule.alternatives.flatMap((requirements) => claimsOf({ ...claim, requirements }))
    })
    return claims
  }

  /** Traefik serves a container that it is told to serve, although no label names a router. */
  *#defaultRouters(): Iterable<Definition> {
    const seen = new Set<string>()
    for (const { container, routers, services, middlewares, isEnabled } of this.#labels.values()) {
      const isServed = isEnabled && !isOfTcp(container) && (services.size > 0 || middlewares.size === 0)
      if (routers.size > 0 || !isServed) continue
      const name = defaultNameOf(container)
      if (!seen.has(name)) yield { name, container, fields: new Map() }
      seen.add(name)
    }
  }

  #serviceOf(router: Definition): string | undefined {
    const written = router.fields.get('service')
    if (written !== undefined) return this.#mistakes.attempt(written, (text) => serviceNamed(text, this.#members))
    const names = namesOf(this.#labels.get(router.container)!)
    if (names.length === 1) return names[0]
    const label = `traefik.http.routers.${router.name}.service`
    const message = `is missing, and the container has the services ${alternatives(names)}: the route is not served`
    this.#mistakes.add({ container: router.container, label }, message, 'write this label')
    return undefined
  }

  #upstream(name: string): DescribedUpstream {
    const definition = this.#definitions.services.get(name)
    const members = this.#members.get(name) ?? []
    const { container } = definition ?? members.at(-1)!
    return {
      name,
      settings: upstreamOf(definition?.fields ?? new Map(), this.#mistakes),
      servers: members.map((labels) => serverOf(labels, name, this.#mistakes)).filter(isThere),
      where: `container ${container.name}`,
    }
  }
}

function isThere(server: DescribedServer | undefined): server is DescribedServer {
  return server !== undefined
}

function membersOf(labels: readonly ContainerLabels[]): Map<string, ContainerLabels[]> {
  const members = new Map<string, ContainerLabels[]>()
  for (const own of labels) {
    for (const name of namesOf(own)) {
      const others = members.get(name)
      if (others === undefined) members.set(name, [own])
      else others.push(own)
    }
  }
  return members
}

/** The services of a container: those that it defines, else the one that is named after it. */
function namesOf({ services, container }: ContainerLabels): string[] {
  return services.size > 0 ? [...services.keys()] : [defaultNameOf(container)]
}

/** As Traefik names what has no name: letters and digits of the service and its project, with hyphens between them. */
function defaultNameOf({ project, service, labels }: Container): string {
  const isInStack = labels['com.docker.stack.namespace'] !== undefined
  const written = project === undefined ? service : isInStack ? `${project}_${service}` : `${service}_${project}`
  return written
    .split(/[^\p{L}\p{N}]+/u)
    .filter(Boolean)
    .join('-')
}

function isOfTcp({ labels }: Container): boolean {
  return Object.keys(labels).some((label) => /^traefik\.(?:tcp|udp)\./i.test(label))
}

/** The claims of each router as few routes. */
function routesOf(claims: readonly Claim[], mistakes: LabelMistakes): FoundRoute[] {
  const levels = levelsOf(claims)
  return [...Map.groupBy(claims, ({ router, handling }) => JSON.stringify([router.name, handling])).values()].flatMap(
    (own) => {
      const { router, upstream, handling } = own[0]!
      const priority = levels.get(router) ?? 0
      return joined(own.map(({ requirements }) => requirements)).map((requirements) => ({
        upstream,
        settings: {
          ...requiredBy(requirements),
          ...(priority > 0 && { priority }),
          ...(handling === undefined ? { filters: [NOBODY] } : settingsOf(handling)),
        },
        where: mistakes.where(router.container, ruleLabel(router).label),
      }))
    },
  )
}

/** The filter of a route that nobody may use. */
const NOBODY = { deny: ['all'] }

function requiredBy({ hosts, paths, methods, headers, query }: Requirements): Record<string, unknown> {
  return {
    ...(hosts.length > 0 && { host: hosts }),
    path: paths,
    ...(methods.length > 0 && { methods }),
    ...(Object.keys(headers).length > 0 && { headers }),
    ...(query !== undefined && { query }),
  }
}

function settingsOf({ filters, bodyLimit, retries }: Handling): Record<string, unknown> {
  return {
    ...(bodyLimit !== undefined && { bodyLimit: formatSize(bodyLimit) }),
    ...(retries !== undefined && { retries }),
    ...(filters.length > 0 && { filters }),
  }
}
