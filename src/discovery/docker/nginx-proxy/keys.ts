/** What becomes of a variable or a label of nginx-proxy: as in traefik/keys.ts. */
export type Meaning = 'read' | 'ignored' | 'noted' | 'refused'

export interface Key {
  /** A final `*` stands for any further characters. */
  readonly key: string
  readonly meaning: Meaning
  /** What it does here, or why it does nothing and what to do instead. */
  readonly why: string
}

export const labelPrefix = 'com.github.nginx-proxy.nginx-proxy.'

const tls = 'TLS belongs to listeners: write tls, with acme or files, and redirect: https at the listeners'
const protocols = 'listeners say which protocols they speak'

/** Every variable and label of a container that nginx-proxy and its companion for certificates know. The order is that of the docs. */
export const keys: readonly Key[] = [
  {
    key: 'VIRTUAL_HOST',
    meaning: 'read',
    why: 'the hosts, between commas: names, *.example.org, .example.org, www.example.*, and regular expressions (~)',
  },
  {
    key: 'VIRTUAL_HOST_MULTIPORTS',
    meaning: 'read',
    why: 'hosts, paths and ports as YAML or JSON, in place of the other four',
  },
  {
    key: 'VIRTUAL_PATH',
    meaning: 'read',
    why: 'the path and everything below it, = and a path for that one only, or a regular expression (~). Default: /',
  },
  {
    key: 'VIRTUAL_PORT',
    meaning: 'read',
    why: 'the port of the server. Default: the only port that the container exposes, else 80',
  },
  {
    key: 'VIRTUAL_DEST',
    meaning: 'read',
    why: 'the path that takes the place of VIRTUAL_PATH: the filter path, with strip and add. Beside a regular expression, the route is not served',
  },
  {
    key: 'VIRTUAL_PROTO',
    meaning: 'read',
    why: 'https: tls, whose certificate is not verified, as nginx-proxy does. grpc: protocol h2c. grpcs: tls and protocol h2. uwsgi, fastcgi: the route is not served',
  },
  { key: 'VIRTUAL_ROOT', meaning: 'refused', why: 'Limpet speaks HTTP to servers, not FastCGI' },
  {
    key: 'NETWORK_ACCESS',
    meaning: 'read',
    why: 'internal: the filter allow, with the private networks of IPv4',
  },
  { key: 'HTTPS_METHOD', meaning: 'noted', why: tls },
  { key: 'HSTS', meaning: 'noted', why: 'write hsts in the tls of the listener' },
  { key: 'CERT_NAME', meaning: 'noted', why: tls },
  { key: 'SSL_POLICY', meaning: 'noted', why: 'write profile in the tls of the listener' },
  { key: 'LETSENCRYPT_*', meaning: 'noted', why: tls },
  { key: 'ACME_*', meaning: 'noted', why: tls },
  { key: 'SERVER_TOKENS', meaning: 'ignored', why: 'Limpet does not name itself in responses' },
  {
    key: `${labelPrefix}loadbalance`,
    meaning: 'read',
    why: 'balance: ip_hash, least_conn, random two, hash with one variable. Others are refused',
  },
  { key: `${labelPrefix}keepalive`, meaning: 'read', why: 'keepAlive.connections. disabled: 0. auto: the default' },
  {
    key: `${labelPrefix}ssl_verify_client`,
    meaning: 'read',
    why: 'on: the route is not served, because it would be open to everybody. Others change nothing',
  },
  { key: `${labelPrefix}http2.enable`, meaning: 'noted', why: protocols },
  { key: `${labelPrefix}http3.enable`, meaning: 'noted', why: protocols },
  { key: `${labelPrefix}non-get-redirect`, meaning: 'noted', why: 'write redirect: https at the listener of port 80' },
  { key: `${labelPrefix}trust-default-cert`, meaning: 'noted', why: tls },
  { key: `${labelPrefix}debug-endpoint`, meaning: 'ignored', why: 'limpet explain says where a request goes' },
]

/** The key of which a variable or label is an instance; undefined where nginx-proxy knows none. */
export function keyOf(name: string): Key | undefined {
  return keys.find(({ key }) => key === name || (key.endsWith('*') && name.startsWith(key.slice(0, -1))))
}
