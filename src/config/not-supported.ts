/**
 * Features that other proxies have keys for and Limpet does not have (yet), each with an alternative. Without this list, the
 * error for such a key would suggest a key that is only spelt alike.
 */
const features: readonly [keys: string, instead: string][] = [
  ['tls ssl https', 'a listener has tls, for its clients; an upstream has tls, for its servers'],
  [
    'certificate certificates cert certs key',
    "a listener's tls has certificates: [{ cert: FILE, key: FILE }]; an upstream's tls has ca, cert and key",
  ],
  ['clientauth clientca mtls', "a listener's tls has clientCertificates: { ca: FILE }"],
  ['insecure insecureskipverify skipverify proxysslverify', "an upstream's tls has verify: false"],
  ['sni proxysslname', "an upstream's tls has serverName; a listener answers by the names in its certificates"],
  ['acme letsencrypt hsts', "a listener's tls has this"],
  ['http2 h2 grpc', 'a listener with tls offers HTTP/2, one without may have h2c: true; an upstream has protocol'],
  ['http3 h3 quic', 'Limpet speaks HTTP/1.1 and HTTP/2'],
  ['prometheus stats statsd', 'metrics: { port: 9001 } serves metrics for Prometheus'],
  ['tracing opentelemetry otel', 'the JSON access log has a requestId'],
  ['dashboard ui', 'limpet status shows servers and sessions'],
  ['redirect redirects return', 'a route has filters: [{ redirect: { to: … } }]; a listener may have redirect: https'],
  ['rewrite rewrites stripprefix addprefix replacepath prefix', 'a route has filters: [{ path: { strip: /app } }]'],
  [
    'headers header requestheaders responseheaders setheaders addheaders headerup headerdown',
    'a route has filters: [{ headers: … }]',
  ],
  ['cors', 'a route has filters: [{ cors: { origins: … } }]'],
  ['auth basicauth forwardauth authrequest jwt oidc oauth2', 'a route has filters: basicAuth, forwardAuth and jwt'],
  [
    'allow deny ipallowlist ipwhitelist acl',
    'a route has filters: allow and deny; limpet ban refuses an address everywhere',
  ],
  [
    'ratelimit limitreq throttle',
    'a route has filters: rateLimit and concurrencyLimit; limits has connectionsPerAddress',
  ],
  ['compress compression gzip brotli zstd encode', 'a route has filters: [compress]'],
  ['cache caching proxycache', 'use a cache in the servers or in front of Limpet'],
  ['root static files fileserver', 'let a server behind Limpet serve the files; the filter respond has a file'],
  ['errorpages errorpage errors', 'a route has filters: [{ errorPages: … }]'],
  ['maintenance maintenancemode', 'a route has filters: [maintenancePage]; limpet maintenance takes one server out'],
  ['mirror mirroring shadow canary split', 'a route has filters: split and mirror'],
  ['circuitbreaker', 'health.outlier ejects servers whose responses are bad'],
  [
    'discovery providers dns consul etcd kubernetes docker swarm',
    "an upstream's servers may be { from: docker }, or from dns, file, http, …; discovery: { docker: {} } has labels read",
  ],
  ['resolver', 'hostNames has resolver, and so has { from: dns }'],
  ['reload watch', 'limpet reload applies the changed file, and limpet run --watch does so by itself'],
  ['include includes import', 'use one file; anchors and aliases avoid repetition'],
  [
    'middlewares middleware plugins plugin filters filter',
    'a route has filters, and defaults has those of all routes (docs/filters.md)',
  ],
  ['websocket websockets upgrade', 'upgraded connections pass without any setting'],
  ['user group pid pidfile daemon', 'the service manager that starts Limpet sets this'],
]

const insteadOf = new Map(features.flatMap(([keys, instead]) => keys.split(' ').map((key) => [key, instead] as const)))

/** What to do instead, if the key is a feature that Limpet does not have. Ignores case, hyphens, underscores and dots. */
export function insteadOfUnsupported(key: string): string | undefined {
  return insteadOf.get(key.toLowerCase().replaceAll(/[-_. ]/g, ''))
}
