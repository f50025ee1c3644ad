import { basicAuth, forwardAuth, ipAllowList } from './access.ts'
import { buffering, compress, retry } from './bodies.ts'
import type { Effect } from './effect.ts'
import { headers } from './headers.ts'
import { inFlightReq, rateLimit } from './limits.ts'
import type { Options } from './options.ts'
import { addPrefix, replacePath, replacePathRegex, stripPrefix, stripPrefixRegex } from './paths.ts'
import { redirectRegex, redirectScheme } from './redirects.ts'

/** What becomes of a kind of middleware, and of the routes that need one. */
export type MiddlewareKind = ReadKind | OtherKind

export interface ReadKind {
  /** They have filters. */
  readonly route: 'filters'
  /** Which ones. */
  readonly hint: string
  /** Throws UnusableOption. */
  readonly read: (options: Options) => Effect
}

interface OtherKind {
  /**
   * `served`: as if the middleware were not there. `left-out`: not served, since everybody could do or reach what the middleware is
   * there to prevent.
   */
  readonly route: 'served' | 'left-out'
  /** What to do instead. */
  readonly hint: string
}

const atServer = 'let the server do it'

/** Every kind of middleware that Traefik has, but for chains, in lower case. */
const kinds: Readonly<Record<string, MiddlewareKind>> = {
  addprefix: { route: 'filters', hint: '`path`', read: addPrefix },
  basicauth: { route: 'filters', hint: '`basicAuth`', read: basicAuth },
  buffering: { route: 'filters', hint: '`bufferRequest`, `bufferResponse`', read: buffering },
  circuitbreaker: { route: 'served', hint: 'write health.outlier at the upstream' },
  compress: { route: 'filters', hint: '`compress`', read: compress },
  contenttype: { route: 'served', hint: atServer },
  digestauth: { route: 'left-out', hint: 'use basicauth' },
  encodedcharacters: { route: 'left-out', hint: 'let the server refuse such paths' },
  errors: { route: 'served', hint: 'write errorPages into defaults.filters of the configuration file' },
  forwardauth: { route: 'filters', hint: '`forwardAuth`', read: forwardAuth },
  grpcweb: { route: 'served', hint: atServer },
  headers: { route: 'filters', hint: '`headers`, `cors`, `host`, `redirect`', read: headers },
  inflightreq: { route: 'filters', hint: '`concurrencyLimit`', read: inFlightReq },
  ipallowlist: { route: 'filters', hint: '`allow`', read: ipAllowList },
  ipwhitelist: { route: 'filters', hint: '`allow`', read: ipAllowList },
  passtlsclientcert: {
    route: 'left-out',
    hint: 'a listener with tls.clientCertificates sends X-Client-Cert-… to servers',
  },
  plugin: { route: 'left-out', hint: 'nobody but the plugin knows what it protects' },
  ratelimit: { route: 'filters', hint: '`rateLimit`', read: rateLimit },
  redirectregex: { route: 'filters', hint: '`redirect`', read: redirectRegex },
  redirectscheme: { route: 'filters', hint: '`redirect`', read: redirectScheme },
  replacepath: { route: 'filters', hint: '`path`', read: replacePath },
  replacepathregex: { route: 'filters', hint: '`path`', read: replacePathRegex },
  retry: { route: 'filters', hint: '`retries` of the route', read: retry },
  stripprefix: { route: 'filters', hint: '`path`', read: stripPrefix },
  stripprefixregex: { route: 'filters', hint: '`path`', read: stripPrefixRegex },
}

export const middlewareKinds: ReadonlyMap<string, MiddlewareKind> = new Map(Object.entries(kinds))
