import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { freePort } from '../../bench/free-port.ts'
import { Lines } from '../support/limpet.ts'

/** The version, such as `1.22`; undefined if nginx is not installed. */
export const nginxVersion = /nginx\/(\d+\.\d+)/.exec(String(spawnSync('nginx', ['-v']).stderr))?.[1]

/** How long nginx waits for the rest of a request, in ms. */
const PATIENCE = 300

/** Runs nginx in front of the servers, with the same configuration as Limpet in the other tests. Returns its port. */
export async function startNginx(test: TestContext, servers: readonly string[]): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'limpet-nginx-'))
  const port = await freePort()
  await writeFile(join(folder, 'nginx.conf'), configuration(port, servers))
  const child = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const exit = once(child, 'exit')
  test.after(async () => {
    child.kill('SIGKILL')
    await exit
    await rm(folder, { recursive: true })
  })
  const errors = new Lines(child.stderr)
  const started = errors.find(/start worker processes|epoll|using the/)
  await Promise.race([
    started,
    exit.then(() => {
      throw new Error(`nginx ended:\n${errors.all.join('\n')}`)
    }),
  ])
  return port
}

const configuration = (port: number, servers: readonly string[]) => `
daemon off;
master_process off;
pid nginx.pid;
error_log stderr notice;
events {}
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  client_header_timeout ${PATIENCE}ms;
  client_body_timeout ${PATIENCE}ms;
  large_client_header_buffers 4 32k;
  keepalive_timeout ${PATIENCE}ms;
  lingering_close always;
  upstream origins {
    ${servers.map((server) => `server ${server} max_fails=0;`).join(' ')}
    keepalive 16;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://origins;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_next_upstream off;
      proxy_ignore_client_abort on;
    }
  }
}
`
