import { formatDuration } from '../config/duration.ts'
import type { Config } from '../config/schema.ts'
import { clientAddress } from './client-address.ts'
import { block, type Directive, directive, render } from './directive.ts'
import { refuseInexpressible } from './inexpressible.ts'
import { repeatable } from './inheritance.ts'
import { isConditional } from './route.ts'
import { siteDirectives } from './site.ts'
import { tlsFromClients } from './tls.ts'
import { ANY_NUMBER } from './upstream-settings.ts'

/** The path of the second file of `NginxFiles`, relative to the first. */
export const SITE = 'conf.d/default.conf'

/** The configuration in nginx's usual two files. */
export interface NginxFiles {
  /** nginx.conf: everything except the site, which it includes. */
  readonly main: string
  /** conf.d/default.conf: upstreams, servers and locations. */
  readonly site: string
}

/**
 * The configuration as one nginx.conf. docs/nginx.md lists the directives for each key.
 *
 * @param title a comment for the first line of the file
 * @throws ConfigError with all settings that nginx cannot express
 */
export function exportNginx(config: Config, title: string): string {
  refuseInexpressible(config)
  return comment(title) + render(mainDirectives(config, siteDirectives(config, inherited(config))))
}

/** The same as `exportNginx`, in two files. */
export function exportNginxFiles(config: Config, title: string): NginxFiles {
  refuseInexpressible(config)
  return {
    main: comment(title) + render(mainDirectives(config, [directive('include', SITE)])),
    site: comment(title) + render(siteDirectives(config, inherited(config))),
  }
}

function comment(title: string): string {
  return `# ${title.replace(/\p{Cc}/gu, ' ')}\n`
}

function mainDirectives(config: Config, site: readonly Directive[]): Directive[] {
  const { timeouts, workers } = config
  return [
    directive('worker_processes', workers ?? 'auto'),
    directive('worker_rlimit_nofile', 16_384),
    ...(timeouts.stop === 0 ? [] : [directive('worker_shutdown_timeout', formatDuration(timeouts.stop))]),
    directive('error_log', 'stderr', 'warn'),
    block('events', [], [directive('worker_connections', 8192)]),
    block('http', [], [...logging(config.accessLog), ...clients(config), ...forwarding(config), ...relaying, ...site]),
  ]
}

function logging({ format, file }: Config['accessLog']): Directive[] {
  if (format === 'off') return [directive('access_log', 'off')]
  return [
    // Limpet's format, with - for the reason and the names of servers, which nginx does not know.
    directive(
      'log_format',
      'limpet',
      `${format === 'vhost' ? '$limpet_authority ' : ''}$remote_addr - - [$time_local] "$request" $status ` +
        `$body_bytes_sent "$http_referer" "$http_user_agent" ${format === 'vhost' ? '$proxy_host - ' : ''}` +
        '$upstream_addr $upstream_status $request_time -',
    ),
    directive('access_log', file ?? '/dev/stdout', 'limpet'),
  ]
}

function clients(config: Config): Directive[] {
  const { timeouts, limits, routes } = config
  return [
    directive('server_tokens', 'off'),
    directive('absolute_redirect', 'off'),
    // The default sizes of nginx are too small for many names or conditions.
    ...(routes.some(({ hosts }) => hosts.length > 0) ? [directive('server_names_hash_bucket_size', 512)] : []),
    ...(routes.some(isConditional) ? [directive('variables_hash_max_size', 32_768)] : []),
    directive('client_header_timeout', formatDuration(timeouts.head)),
    directive('client_body_timeout', formatDuration(timeouts.body)),
    directive('keepalive_timeout', formatDuration(timeouts.idle)),
    directive('keepalive_requests', limits.requestsPerConnection || ANY_NUMBER),
    directive('send_timeout', formatDuration(timeouts.send)),
    // nginx aborts the request as soon as a client closes its sending half, unless it always ignores that.
    ...(timeouts.halfClosed === 0 ? [directive('proxy_ignore_client_abort', 'on')] : []),
    // One buffer for the whole head, with lines of any length. nginx requires a second buffer of at least 512 bytes.
    directive('client_header_buffer_size', limits.headSize),
    directive('large_client_header_buffers', 1, 512),
    directive('client_max_body_size', limits.bodySize),
    directive('ignore_invalid_headers', 'off'),
    directive('underscores_in_headers', 'on'),
    ...tlsFromClients(config),
  ]
}

/** What locations that have some of these themselves must repeat. */
function inherited(config: Config): Directive[] {
  return repeatable([...tlsFromClients(config), ...forwarding(config), ...relaying])
}

/** The head that a server gets, equivalent to src/forwarding/forwarded-request.ts. */
function forwarding(config: Config): Directive[] {
  const { directives, forwardedFor, forwardedProto, forwardedHost, forwardedPort, claims } = clientAddress(config)
  return [
    // The host of the request: the authority of an absolute target, else the Host field.
    block(
      'map',
      ['$request', '$limpet_authority'],
      [directive('default', '$http_host'), directive('~*^[A-Z_-]+ https?://([^/? ]+)', '$1')],
    ),
    block(
      'map',
      ['$limpet_authority', '$limpet_host'],
      [directive('default', '$limpet_authority'), directive('', '$proxy_host')],
    ),
    block(
      'map',
      ['$http_x_request_id', '$limpet_request_id'],
      [directive('default', '$request_id'), directive('~^[!-~]{1,128}$', '$http_x_request_id')],
    ),
    // Forwards Upgrade if Connection names it, the request has no body, and the protocol is neither HTTP nor TLS.
    block(
      'map',
      ['$http_upgrade', '$limpet_protocol'],
      [directive('default', '$http_upgrade'), directive('~*(?:^|,)[ \\t]*(?:h2c[ \\t]*(?:,|$)|tls/|http/|,|$)', '')],
    ),
    block(
      'map',
      ['$server_protocol $content_length $http_transfer_encoding $http_connection', '$limpet_upgrade'],
      [directive('default', ''), directive('~*^HTTP/1.1 0*  (?:.*,)?[ \\t]*upgrade[ \\t]*(?:,|$)', '$limpet_protocol')],
    ),
    block('map', ['$limpet_upgrade', '$limpet_connection'], [directive('default', 'upgrade'), directive('', '')]),
    ...directives,
    directive('proxy_http_version', '1.1'),
    directive('proxy_set_header', 'Host', '$limpet_host'),
    directive('proxy_set_header', 'X-Forwarded-For', forwardedFor),
    directive('proxy_set_header', 'X-Forwarded-Proto', forwardedProto),
    directive('proxy_set_header', 'X-Forwarded-Host', forwardedHost),
    directive('proxy_set_header', 'X-Forwarded-Port', forwardedPort),
    ...claims.map(([name, value]) => directive('proxy_set_header', name, value)),
    directive('proxy_set_header', 'Forwarded', ''),
    directive('proxy_set_header', 'X-Request-Id', '$limpet_request_id'),
    // Removes hop-by-hop fields. nginx itself removes Keep-Alive, TE and Transfer-Encoding.
    directive('proxy_set_header', 'Upgrade', '$limpet_upgrade'),
    directive('proxy_set_header', 'Connection', '$limpet_connection'),
    directive('proxy_set_header', 'Proxy-Connection', ''),
    directive('proxy_set_header', 'Trailer', ''),
  ]
}

const accelHeaders = ['Expires', 'Redirect', 'Limit-Rate', 'Buffering', 'Charset'].map((word) => `X-Accel-${word}`)

/** Messages are streamed in both directions, and the head of a response stays as the server wrote it. */
const relaying: readonly Directive[] = [
  directive('proxy_next_upstream', 'error', 'timeout'),
  directive('proxy_request_buffering', 'off'),
  directive('proxy_buffering', 'off'),
  directive('proxy_buffer_size', '64k'),
  directive('proxy_buffers', 4, '64k'),
  directive('proxy_redirect', 'off'),
  directive('proxy_ignore_headers', ...accelHeaders),
  ...['Date', 'Server', 'X-Pad', ...accelHeaders].map((name) => directive('proxy_pass_header', name)),
  ...['Proxy-Connection', 'TE', 'Trailer', 'Upgrade'].map((name) => directive('proxy_hide_header', name)),
]
