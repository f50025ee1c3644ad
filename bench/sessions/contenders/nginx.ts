import { launchNginx } from '../../peers/nginx.ts'
import { versionOf } from '../../program.ts'
import type { Contender, Setup } from '../contender.ts'

/** The affinity of open-source nginx. It has no names of servers: a server is its position in the list. */
export const nginxIpHash: Contender = {
  name: 'nginx',
  title: 'nginx, `ip_hash`',
  stopSignal: 'SIGQUIT',
  version: () => versionOf('nginx', ['-v']),
  prepare: (setup) => launchNginx(setup.folder, config(setup)),
}

function config({ port, servers }: Setup): string {
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
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
    }
  }
}`
}
