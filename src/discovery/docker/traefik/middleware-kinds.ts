/** What becomes of a route that needs a middleware which is not supported. */
export interface MiddlewareKind {
  /**
   * `served`: as if the middleware were not there. `left-out`: not served, since everybody could do or reach what the middleware is there
   * to prevent. `redirected`: requests that came without TLS are only redirected, so a router without TLS serves nothing.
   */
  readonly route: 'served' | 'left-out' | 'redirected'
  /** What to do instead. */
  readonly hint: string
}

const atServer = 'let the server do it'

/** Every kind of middleware that Traefik has, in lower case. None is supported yet. */
const kinds: Readonly<Record<string, MiddlewareKind>> = {
  addprefix: {
    route: 'left-out',
    hint: 'let the router match the path of the server, or the server the path of the router',
  },
  basicauth: { route: 'left-out', hint: 'let the server ask for the password' },
  buffering: { route: 'served', hint: 'bodies are passed on as they come; let the server limit them' },
  circuitbreaker: { route: 'served', hint: 'write health.outlier at the upstream' },
  compress: { route: 'served', hint: atServer },
  contenttype: { route: 'served', hint: atServer },
  digestauth: { route: 'left-out', hint: 'let the server ask for the password' },
  errors: { route: 'served', hint: atServer },
  forwardauth: { route: 'left-out', hint: 'let the server ask who the user is' },
  grpcweb: { route: 'served', hint: atServer },
  headers: { route: 'served', hint: atServer },
  inflightreq: { route: 'served', hint: 'write maxConnections at the servers' },
  ipallowlist: { route: 'left-out', hint: 'use a firewall, or a listener on an internal address' },
  ipwhitelist: { route: 'left-out', hint: 'use a firewall, or a listener on an internal address' },
  passtlsclientcert: {
    route: 'left-out',
    hint: 'a listener with tls.clientCertificates sends X-Client-Cert-… to servers',
  },
  plugin: { route: 'left-out', hint: 'nobody but the plugin knows what it protects' },
  ratelimit: { route: 'served', hint: atServer },
  redirectregex: { route: 'served', hint: 'let the server send the redirect' },
  redirectscheme: { route: 'redirected', hint: 'write redirect: https at the listener of port 80' },
  replacepath: { route: 'left-out', hint: 'let the router match the path of the server' },
  replacepathregex: { route: 'left-out', hint: 'let the router match the path of the server' },
  retry: { route: 'served', hint: 'Limpet retries by itself: write retries at the upstream' },
  stripprefix: { route: 'served', hint: 'let the server serve below the prefix' },
  stripprefixregex: { route: 'served', hint: 'let the server serve below the prefix' },
}

export const middlewareKinds: ReadonlyMap<string, MiddlewareKind> = new Map(Object.entries(kinds))
