import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  IDLE_CONNECTIONS,
  NATIVE_WARM_UP,
  type Peer,
  type Route,
  type Setup,
  type Site,
  type Upstream,
} from '../peer.ts'
import { type Launch, versionOf } from '../program.ts'
import { writeConfig } from './limpet.ts'

/** The maximum of connections to clients and servers together, per worker. */
const CONNECTIONS = 16_384
const version = () => versionOf('nginx', ['-v'])

/** The reference: nginx with the export of the configuration that Limpet runs with, or by hand if there is TLS. */
export const nginx: Peer = {
  name: 'nginx',
  title: 'nginx',
  forwards: true,
  warmUp: NATIVE_WARM_UP,
  version,
  async prepare(setup) {
    if (setup.tls) return launchNginx(setup.folder, handWritten(setup))
    const config = await writeConfig(setup)
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [join(setup.limpet, 'bin/limpet.js'), 'export', 'nginx', '-c', config],
      {
        maxBuffer: 1 << 26,
      },
    )
    // Enough connections for the idle case; otherwise nginx closes some of them.
    return launchNginx(setup.folder, stdout.replace(/worker_connections \d+/, `worker_connections ${CONNECTIONS}`))
  },
}

/** A configuration as an nginx expert would write it, to show that the export is a fair reference. */
export const nginxByHand: Peer = {
  name: 'nginx-by-hand',
  title: 'nginx, written by hand',
  forwards: true,
  warmUp: NATIVE_WARM_UP,
  version,
  prepare: (setup) => launchNginx(setup.folder, handWritten(setup)),
}

function handWritten(setup: Setup): string {
  return `
worker_processes ${setup.workers};
worker_rlimit_nofile 32768;
error_log stderr warn;
events { worker_connections ${CONNECTIONS}; }
http {
  log_format bench '$remote_addr - - [$time_local] "$request" $status $body_bytes_sent "$http_referer" '
    '"$http_user_agent" $upstream_addr $upstream_status $request_time';
  access_log ${setup.accessLog} bench;
  keepalive_requests 1000000000;
  client_max_body_size 0;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
${FORWARDING.map(([name, value]) => `  proxy_set_header ${name} ${value};\n  grpc_set_header ${name} ${value};`).join('\n')}
  proxy_request_buffering off;
  proxy_max_temp_file_size 0;
${setup.gzipLevel === undefined ? '' : compression(setup.gzipLevel)}
${upstreams(setup, (servers) => `keepalive ${servers * IDLE_CONNECTIONS}; keepalive_requests 1000000000;`)}
  server {
${listener(setup)}
${setup.routes.map((route) => location(route, setup.upstreams)).join('\n')}
  }
}`
}

function compression(level: number): string {
  return `  gzip on; gzip_comp_level ${level}; gzip_types application/json; gzip_proxied any; gzip_vary on;`
}

const FORWARDING = [
  ['Host', '$http_host'],
  ['X-Forwarded-For', '$proxy_add_x_forwarded_for'],
  ['X-Forwarded-Proto', '$scheme'],
  ['X-Forwarded-Host', '$http_host'],
  ['X-Request-Id', '$request_id'],
] as const

/** With Mozilla's recommendation for TLS, which is Limpet's default too. */
function listener({ port, tls, certificate }: Setup): string {
  if (!tls) return `    listen 127.0.0.1:${port};`
  return `    listen 127.0.0.1:${port} ssl http2;
    http2_max_concurrent_streams 128;
    ssl_certificate ${certificate.cert};
    ssl_certificate_key ${certificate.key};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_timeout 1d;
    ssl_session_tickets on;`
}

/** A configuration as the lab's students write it: a connection to the server for each request, and no added headers. */
export const nginxOfTheLab: Peer = {
  name: 'nginx-lab',
  title: "nginx, the lab's own file",
  forwards: false,
  warmUp: NATIVE_WARM_UP,
  version,
  prepare: (setup) =>
    launchNginx(
      setup.folder,
      `
worker_processes ${setup.workers};
worker_rlimit_nofile 32768;
events { worker_connections ${CONNECTIONS}; }
http {
  log_format upstreams '$remote_addr - - [$time_local] "$request" $status $body_bytes_sent -> $upstream_addr';
  access_log ${setup.accessLog} upstreams;
  client_max_body_size 0;
${upstreams(setup, () => '')}
  server {
    listen 127.0.0.1:${setup.port};
${setup.routes.map((route) => location(route, setup.upstreams)).join('\n')}
  }
}`,
    ),
}

function upstreams({ upstreams }: Site, keepAlive: (servers: number) => string): string {
  return upstreams
    .map(({ name, balance, servers }) => {
      const lines = [...(balance === 'ip-hash' ? ['ip_hash;'] : []), ...servers.map((server) => `server ${server};`)]
      return `  upstream ${name} { ${lines.join(' ')} ${keepAlive(servers.length)} }`
    })
    .join('\n')
}

function location({ path, upstream }: Route, upstreams: readonly Upstream[]): string {
  const place = path.endsWith('/*') ? path.slice(0, -1) : `= ${path}`
  const isHttp2 = upstreams.some(({ name, protocol }) => name === upstream && protocol === 'h2c')
  return `    location ${place} { ${isHttp2 ? 'grpc_pass grpc' : 'proxy_pass http'}://${upstream}; }`
}

/** Runs nginx in the foreground, with its files in the folder. */
export async function launchNginx(folder: string, config: string): Promise<Launch> {
  const file = join(folder, 'nginx.conf')
  await writeFile(file, config)
  // Without this, its workers run as a user who may not read the folder.
  const user = process.getuid?.() === 0 ? ' user root;' : ''
  const globals = `daemon off; pid ${join(folder, 'nginx.pid')};${user}`
  return { command: 'nginx', args: ['-c', file, '-p', folder, '-e', 'stderr', '-g', globals] }
}
