import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { launchNginx } from '../../peers/nginx.ts'
import { childrenOf, isRunning } from '../../process-tree.ts'
import { type Launch, versionOf } from '../../program.ts'
import type { Contender, Running, Setup } from '../contender.ts'

/** The maximum time until a new process of nginx has workers, in ms. */
const UPGRADE_TIMEOUT = 10_000

/** The affinity of open-source nginx. It has no names of servers: a server is its position in the list. */
export const nginxIpHash: Contender = {
  name: 'nginx',
  title: 'nginx, `ip_hash`',
  stopSignal: 'SIGQUIT',
  version: () => versionOf('nginx', ['-v']),
  prepare: async (setup) => upgradable(await launchNginx(setup.folder, config(setup)), setup),
  // A server can be marked as down, which loses its users, or get a lower weight; it cannot be drained.
  operations: {
    change: (running) => reload(running, { ...running.setup, withOther: true }),
    add: (running, server) => reload(running, { ...running.setup, servers: [...running.setup.servers, server] }),
    async upgrade(running) {
      const before = await masterOf(running)
      process.kill(before, 'SIGUSR2')
      let after = before
      const deadline = performance.now() + UPGRADE_TIMEOUT
      while (after === before || childrenOf(after).length === 0) {
        if (performance.now() > deadline) throw new Error('no new nginx has started')
        await delay(10)
        after = await masterOf(running).catch(() => before)
      }
      process.kill(before, 'SIGQUIT')
      await untilGone(before)
    },
    // In the same place of the list, which is what ip_hash goes by.
    replace: (running, name, successor) => {
      const servers = running.setup.servers.map((server) => (server.name === name ? successor : server))
      return reload(running, { ...running.setup, servers })
    },
  },
}

/** Resolves when the last worker with the former configuration has ended. */
async function reload(running: Running, setup: Setup): Promise<void> {
  running.setup = setup
  await launchNginx(setup.folder, config(setup))
  const master = await masterOf(running)
  const former = childrenOf(master)
  process.kill(master, 'SIGHUP')
  await Promise.all(former.map(untilGone))
}

/** nginx replaces itself only if it was started by its path, and if the process that started it has ended. The shell passes its signal on to the current master. */
function upgradable({ command, args }: Launch, { folder }: Setup): Launch {
  const script = `
    trap 'kill -QUIT $(cat "$0")' QUIT
    ("$(command -v nginx)" "$@" & sleep 0.3)
    runs() { kill -0 $(cat "$0") 2> /dev/null; }
    while runs || { sleep 0.5; runs; }; do sleep 0.02; done`
  return { command: 'sh', args: ['-c', script.replace('nginx', command), pidFileOf(folder), ...args] }
}

async function masterOf({ setup }: Running): Promise<number> {
  return Number(await readFile(pidFileOf(setup.folder), 'utf8'))
}

function pidFileOf(folder: string): string {
  return join(folder, 'nginx.pid')
}

async function untilGone(pid: number): Promise<void> {
  while (isRunning(pid)) await delay(10)
}

function config({ port, servers, withOther = false }: Setup): string {
  return `
worker_processes 2;
worker_rlimit_nofile 32768;
error_log stderr error;
events { worker_connections 16384; }
http {
  access_log off;
  keepalive_requests 1000000000;
  upstream app {
    zone app 256k;
    ip_hash;
${servers.map(({ address }) => `    server ${address} max_fails=1 fail_timeout=1s;`).join('\n')}
    keepalive 64;
    keepalive_requests 1000000000;
  }
${withOther ? `  upstream other { server ${servers[0]!.address}; }` : ''}
  server {
    listen 127.0.0.1:${port};
${withOther ? '    location /other/ { proxy_pass http://other; }' : ''}
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
    }
  }
}`
}
