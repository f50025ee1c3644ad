import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { IDLE_CONNECTIONS, NATIVE_WARM_UP, type Peer, type Route, type Setup } from '../peer.ts'
import { versionOf } from '../program.ts'

/** HAProxy writes its log to standard output, which is redirected to the access log. */
export const haproxy: Peer = {
  name: 'haproxy',
  title: 'HAProxy',
  forwards: true,
  warmUp: NATIVE_WARM_UP,
  version: () => versionOf('haproxy', ['-v']),
  async prepare(setup) {
    const file = join(setup.folder, 'haproxy.cfg')
    await writeFile(file, config(setup))
    return { command: 'sh', args: ['-c', 'exec haproxy -db -f "$0" > "$1"', file, setup.accessLog] }
  },
}

function config({ port, workers, tls, certificate, routes, upstreams }: Setup): string {
  const specificFirst = routes.toSorted((one, other) => specificity(other) - specificity(one))
  return `
global
  maxconn 16384
  no strict-limits
  nbthread ${workers}
  log stdout format raw local0 info
defaults
  mode http
  log global
  option httplog
  option forwardfor
  http-reuse always
  timeout connect 5s
  timeout client 75s
  timeout server 60s
frontend clients
  bind 127.0.0.1:${port}${tls ? ` ssl crt ${certificate.bundle} alpn h2,http/1.1` : ''}
  http-request set-header X-Forwarded-Proto ${tls ? 'https' : 'http'}
  http-request set-header X-Forwarded-Host %[req.hdr(Host)]
  http-request set-header X-Request-Id %[uuid]
${specificFirst.map(({ path, upstream }) => `  use_backend ${upstream} if { ${condition(path)} }`).join('\n')}
${upstreams
  .map(({ name, balance, affinity, protocol, servers }) =>
    [
      `backend ${name}`,
      `  balance ${balance === 'ip-hash' ? 'source' : 'roundrobin'}`,
      ...(affinity === undefined ? [] : ['  cookie sticky insert indirect nocache']),
      ...servers.map(
        (server, index) =>
          `  server s${index} ${server} pool-max-conn ${IDLE_CONNECTIONS}${protocol === undefined ? '' : ' proto h2'}${affinity === undefined ? '' : ` cookie s${index}`}`,
      ),
    ].join('\n'),
  )
  .join('\n')}
`
}

function condition(path: string): string {
  return path.endsWith('/*') ? `path_beg ${path.slice(0, -1)}` : `path ${path}`
}

/** HAProxy uses the first rule that matches. */
function specificity({ path }: Route): number {
  return path.endsWith('/*') ? path.length : path.length + 1e6
}
