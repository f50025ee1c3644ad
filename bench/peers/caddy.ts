import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { IDLE_CONNECTIONS, NATIVE_WARM_UP, type Peer, type Setup, type Upstream } from '../peer.ts'
import { versionOf } from '../program.ts'

/** Caddy adds X-Forwarded-For, -Proto and -Host by itself. */
export const caddy: Peer = {
  name: 'caddy',
  title: 'Caddy',
  forwards: true,
  warmUp: NATIVE_WARM_UP,
  version: () => versionOf('caddy', ['version']),
  async prepare(setup) {
    const { folder, workers } = setup
    const file = join(folder, 'Caddyfile')
    await writeFile(file, config(setup))
    return {
      command: 'caddy',
      args: ['run', '--config', file, '--adapter', 'caddyfile'],
      env: { GOMAXPROCS: String(workers), HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
    }
  },
}

function config({ port, accessLog, routes, upstreams }: Setup): string {
  return `
{
  admin off
  auto_https off
}
http://:${port} {
  bind 127.0.0.1
  log {
    output file ${accessLog} {
      roll_disabled
    }
  }
${routes
  .map(({ path, upstream }) => {
    const { balance, servers } = upstreams.find(({ name }) => name === upstream)!
    return handler(path, balance, servers)
  })
  .join('\n')}
}
`
}

function handler(path: string, balance: Upstream['balance'], servers: readonly string[]): string {
  return `  handle ${path} {
    reverse_proxy ${servers.join(' ')} {
      lb_policy ${balance === 'ip-hash' ? 'ip_hash' : 'round_robin'}
      header_up X-Request-Id {http.request.uuid}
      transport http {
        keepalive 60s
        keepalive_idle_conns ${IDLE_CONNECTIONS * servers.length}
        keepalive_idle_conns_per_host ${IDLE_CONNECTIONS}
      }
    }
  }`
}
