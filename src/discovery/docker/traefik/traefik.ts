import { alternatives } from '../../../config/error.ts'
import type { FoundRoute } from '../../provider.ts'
import type { Container, Described, DescribedServer, DescribedUpstream, Dialect } from '../container.ts'
import { LabelMistakes } from '../label-mistakes.ts'
import { type Definition, type Definitions, definitionsOf } from './definitions.ts'
import { type ContainerLabels, labelsOf } from './labels.ts'
import { Middlewares } from './middlewares.ts'
import { type Claim, type Conflict, claimsOf, conflictsOf } from './precedence.ts'
import { joined, type Requirements } from './requirements.ts'
import { needsTlsOptions, ruleOf, serviceNamed } from './routers.ts'
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
    const claims = this.#agreed(this.#claims())
    this.#sayConflicts(claims)
    this.routes = routesOf(claims, mistakes)
    this.upstreams = [...new Set(claims.map(({ upstream }) => upstream))].map((name) => this.#upstream(name))
  }

  /** What each router that is served requires of a request, by descending priority. */
  #claims(): Claim[] {
    const middlewares = new Middlewares(this.#definitions.middlewares, this.#mistakes)
    const routers = [...this.#definitions.routers.values(), ...this.#defaultRouters()]
    const claims = routers.flatMap((router) => {
      if (this.#labels.get(router.container)!.unreadable.has(router.name)) return []
      // Each is asked, so that everything that is wrong with a router is reported at once.
      const rule = ruleOf(router, defaultNameOf(router.container), this.#mistakes)
      const upstream = this.#serviceOf(router)
      const isPermitted = middlewares.permit(router)
      if (needsTlsOptions(router, this.#mistakes) || !isPermitted || upstream === undefined) return []
      const { priority } = rule
      return rule.alternatives.flatMap((requirements) => claimsOf({ router, upstream, priority, requirements }))
    })
    return claims.sort((a, b) => b.priority - a.priority || (a.router.name < b.router.name ? -1 : 1))
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

  /** Of several claims on the very same requests, the one that Traefik asks first. */
  #agreed(claims: readonly Claim[]): Claim[] {
    const taken = new Map<string, Claim>()
    for (const claim of claims) {
      const key = JSON.stringify(claim.requirements)
      const first = taken.get(key)
      if (first === undefined) taken.set(key, claim)
      else if (first.upstream !== claim.upstream)
        this.#mistakes.add(
          ruleLabel(claim),
          `requires the same as the router ${first.router.name}, which counts, because Traefik would ask it first`,
        )
    }
    return [...taken.values()]
  }

  #sayConflicts(claims: readonly Claim[]): void {
    const pairs = Map.groupBy(
      conflictsOf(claims),
      ({ traefik, limpet }) => `${limpet.router.name} ${traefik.router.name}`,
    )
    for (const [{ traefik, limpet }] of pairs.values() as Iterable<[Conflict]>) {
      const { hosts, paths } = limpet.requirements
      this.#mistakes.add(
        ruleLabel(limpet),
        `gets ${hosts[0] ?? 'every host'} ${paths[0]}, because the most specific route wins; Traefik would ask the router ${traefik.router.name} first`,
        'make the rules of the two routers exclude each other',
      )
    }
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

function ruleLabel({ router }: Claim): { container: Container; label: string } {
  return { container: router.container, label: `traefik.http.routers.${router.name}.rule` }
}

/** The claims of each router as few routes. */
function routesOf(claims: readonly Claim[], mistakes: LabelMistakes): FoundRoute[] {
  return [...Map.groupBy(claims, ({ router }) => router)].flatMap(([router, own]) =>
    joined(own.map(({ requirements }) => requirements)).map((requirements) => ({
      upstream: own[0]!.upstream,
      settings: settingsOf(requirements),
      where: mistakes.where(router.container, ruleLabel(own[0]!).label),
    })),
  )
}

function settingsOf({ hosts, paths, methods, headers, query }: Requirements): Record<string, unknown> {
  return {
    ...(hosts.length > 0 && { host: hosts }),
    path: paths,
    ...(methods.length > 0 && { methods }),
    ...(Object.keys(headers).length > 0 && { headers }),
    ...(query !== undefined && { query }),
  }
}
