import { endpointOf, formatAddress } from '../config/address.ts'
import type { Config } from '../config/schema.ts'
import { ConditionMaps, NO_ROUTE } from './condition-maps.ts'
import { block, type Directive, directive } from './directive.ts'
import { forPcre } from './expression.ts'
import { RouteFiltersExport } from './filters/route-filters.ts'
import { hostsOf, type Location, locationsOf } from './host-table.ts'
import { isConditional, type Route, routesOf } from './route.ts'
import { listenParameters, redirectPortOf, redirectToHttps } from './tls.ts'
import { ownSettings, passTo, proxySettings, upstreamBlock } from './upstream-settings.ts'

/** The routes and upstreams as a file for nginx's conf.d: upstreams, maps, and one `server` for each host. */
export function siteDirectives(config: Config, inherited: readonly Directive[]): Directive[] {
  const site = new Site(config, inherited)
  const servers = site.servers()
  return [
    ...config.upstreams.map(upstreamBlock),
    ...site.sharedSettings,
    ...site.filters.shared,
    ...site.maps,
    ...servers,
  ]
}

class Site {
  /** The settings that are the same for all upstreams, written once. */
  readonly sharedSettings: readonly Directive[]
  readonly filters: RouteFiltersExport
  readonly #config: Config
  readonly #conditions = new ConditionMaps()
  /** From the name of an upstream to the directives that pass a request to it. */
  readonly #passing: ReadonlyMap<string, readonly Directive[]>

  constructor(config: Config, inherited: readonly Directive[]) {
    this.#config = config
    this.filters = new RouteFiltersExport(config, inherited)
    const settings = config.upstreams.map(proxySettings)
    const isShared = (each: Directive) => settings.every((one) => one.some((other) => isSame(each, other)))
    this.sharedSettings = settings[0]?.filter(isShared) ?? []
    this.#passing = new Map(
      config.upstreams.map((upstream) => [
        upstream.name,
        [directive('proxy_pass', passTo(upstream)), ...proxySettings(upstream).filter((each) => !isShared(each))],
      ]),
    )
  }

  get maps(): readonly Directive[] {
    return this.#conditions.directives
  }

  /** One `server` for all hosts with the same locations. */
  servers(): Directive[] {
    const listeners = this.#config.listeners.filter((listener) => redirectPortOf(listener) === undefined)
    const routes = routesOf(this.#config)
    const bodies = new Map<string, { names: string[]; body: Directive[] }>()
    for (const host of hostsOf(routes)) {
      const body = this.#locations(locationsOf(host, routes))
      const key = `${host === undefined} ${JSON.stringify(body)}`
      const { names } = bodies.get(key) ?? { names: [] }
      bodies.set(key, { names: [...names, ...(host === undefined ? [] : [host])], body })
    }
    const redirects = this.#config.listeners.flatMap((listener) => {
      const port = redirectPortOf(listener)
      return port === undefined ? [] : block('server', [], [...listenLines([listener], true), ...redirectToHttps(port)])
    })
    if (listeners.length === 0) return redirects
    const servers = [...bodies.values()].map(({ names, body }) =>
      block(
        'server',
        [],
        [
          ...listenLines(listeners, names.length === 0),
          ...(names.length === 0 ? [] : [directive('server_name', ...names)]),
          ...body,
        ],
      ),
    )
    return [...redirects, ...servers]
  }

  #locations(locations: readonly Location[]): Directive[] {
    const shared = locations.filter(({ routes }) => !this.#haveOneOutcome(routes)).flatMap(({ routes }) => routes)
    const named = new Map(shared.map((route) => [this.#nameOf(route), route]))
    return [
      ...locations.map((location) =>
        block('location', location.exact ? ['=', location.path] : [location.path], this.#contentOf(location)),
      ),
      ...[...named].map(([name, route]) => block('location', [`@${name}`], this.#outcome(route))),
      ...(named.size === 0 ? [] : [block('location', [`@${NO_ROUTE}`], [directive('return', 404)])]),
      ...this.filters.locationsOf(locations.flatMap(routesIn)),
    ]
  }

  #contentOf({ path, routes, expressions }: Location): readonly Directive[] {
    const otherwise = this.#directivesFor(routes)
    if (expressions.length === 0) return otherwise
    return [
      ...expressions.map(({ source, route }) => block('location', ['~', forPcre(source)], this.#outcome(route))),
      // Expressions are looked at first, wherever they stand. Around them, they would inherit what this route does.
      block('location', [path], otherwise),
    ]
  }

  #directivesFor(routes: readonly Route[]): readonly Directive[] {
    const [first] = routes
    if (first === undefined) return [directive('return', 404)]
    if (this.#haveOneOutcome(routes)) return this.#outcome(first)
    const choice = this.#conditions.choice(routes, (route) => this.#nameOf(route))
    const hasPages = routes.some(({ number }) => this.filters.of(number).some(({ name }) => name === 'error_page'))
    return [
      // In nginx, only error_page can jump to a location named by a variable. Nothing else here uses status 418.
      directive('error_page', 418, '=', `@${choice}`),
      ...(hasPages ? [directive('recursive_error_pages', 'on')] : []),
      directive('return', 418),
    ]
  }

  #outcome(route: Route): readonly Directive[] {
    if (route.redirect === undefined) {
      const filters = this.filters.of(route.number)
      const own = [...filters, ...without(filters, ownSettings(route))]
      return [...without(own, this.#passing.get(route.upstream!) ?? []), ...own]
    }
    return [directive('return', 301, `${escaped(route.redirect)}$is_args$args`)]
  }

  /** Whether all these routes have the same outcome, and one of them is unconditional. */
  #haveOneOutcome(routes: readonly Route[]): boolean {
    const last = routes.at(-1)
    if (last === undefined) return true
    return !isConditional(last) && routes.every((route) => this.#nameOf(route) === this.#nameOf(last))
  }

  /** The name of the location that passes requests to the route's upstream, or redirects them. */
  #nameOf(route: Route): string {
    const { number, redirect, upstream } = route
    if (redirect !== undefined) return `redirect_to_${escaped(redirect)}`
    if (this.filters.of(number).length > 0) return `to_${upstream}_by_route_${number}`
    const own = ownSettings(route).map(({ name, args }) => `-${name}-${args.join('-')}`)
    return `to_${upstream}${own.join('')}`
  }
}

/** Those that the others do not replace. */
function without(others: readonly Directive[], directives: readonly Directive[]): Directive[] {
  return directives.filter(({ name }) => !others.some((each) => each.name === name))
}

/** The numbers of the routes of a location. */
function routesIn({ routes, expressions }: Location): number[] {
  return [...routes, ...expressions.map(({ route }) => route)].flatMap(({ number, redirect }) =>
    redirect === undefined ? number : [],
  )
}

/** The path for a text in which nginx expands variables. */
function escaped(path: string): string {
  return path.replaceAll('$', '%24')
}

function listenLines(listeners: Config['listeners'], isDefault: boolean): Directive[] {
  const places = new Map(
    listeners.flatMap((listener) => listenPlaces(listener).map((place) => [place, listener] as const)),
  )
  return [...places].map(([place, listener]) =>
    directive(
      'listen',
      place,
      ...(isDefault ? ['default_server'] : []),
      ...listenParameters(listener),
      ...(listener.proxyProtocol ? ['proxy_protocol'] : []),
    ),
  )
}

/** `::` becomes one place per family, because nginx does not treat ::ffff:10.0.0.1 as an IPv4 address. */
function listenPlaces(listener: Config['listeners'][number]): string[] {
  if ('path' in listener) return [formatAddress(endpointOf(listener))]
  const { address: host, port } = listener
  if (host === '0.0.0.0') return [String(port)]
  return host === '::' ? [String(port), `[::]:${port}`] : [formatAddress(endpointOf(listener))]
}

function isSame(one: Directive, other: Directive): boolean {
  return one.name === other.name && one.args.join(' ') === other.args.join(' ')
}
