/**
 * What other proxies have keys for, and Limpet has not (yet): each with what to do instead. Without them, such a key would
 * be answered with whatever key of ours is spelt alike.
 */
const features: readonly [keys: string, instead: string][] = [
  [
    'tls ssl https certificate certificates cert certs key acme letsencrypt hsts',
    'end TLS in a proxy in front of Limpet',
  ],
  ['http2 h2 http3 h3 quic grpc', 'clients and servers are spoken to by HTTP/1.1'],
  ['metrics prometheus stats statsd', 'admin: on has counts of requests, failures and sessions'],
  ['tracing opentelemetry otel', 'requestId is in the JSON access log'],
  ['dashboard ui', 'limpet status shows servers and sessions'],
  ['redirect redirects return', 'let a server answer with the redirect'],
  ['rewrite rewrites stripprefix addprefix replacepath prefix', 'servers get the path as the client wrote it'],
  [
    'headers header requestheaders responseheaders setheaders addheaders headerup headerdown',
    'servers set their own headers',
  ],
  ['cors', 'let the servers answer with these headers'],
  ['auth basicauth forwardauth authrequest jwt oidc oauth2', 'let the servers ask who the user is'],
  ['allow deny ipallowlist ipwhitelist acl', 'limit addresses in a firewall'],
  ['ratelimit limitreq throttle', 'limits has what a client may ask for at the same time'],
  ['compress compression gzip brotli zstd encode', 'let the servers compress'],
  ['cache caching proxycache', 'let the servers or a cache in front of Limpet do this'],
  ['root static files fileserver', 'a server behind Limpet has the files'],
  ['errorpages errorpage errors', 'error pages of servers pass as they are'],
  ['mirror mirroring shadow canary split', 'weight shares requests between servers'],
  ['circuitbreaker', 'health.outlier takes servers out that answer badly'],
  ['discovery dns resolver consul kubernetes docker providers', 'list the servers'],
  ['reload watch', 'restart Limpet to apply a change'],
  ['include includes import', 'one file has all; parts may be anchors and aliases'],
  ['middlewares middleware plugins plugin filters filter', 'routes choose an upstream, and change nothing'],
  ['websocket websockets upgrade', 'upgraded connections pass without a key of their own'],
  ['user group pid pidfile daemon', 'the service manager that starts Limpet sets this'],
]

const insteadOf = new Map(features.flatMap(([keys, instead]) => keys.split(' ').map((key) => [key, instead] as const)))

/** What to do instead, where the key is a feature that Limpet does not have; its spelling is looked at broadly. */
export function insteadOfUnsupported(key: string): string | undefined {
  return insteadOf.get(key.toLowerCase().replaceAll(/[-_. ]/g, ''))
}
