import { mkdir, open, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from './free-port.ts'
import { launchNginx } from './peers/nginx.ts'
import { type Launch, Program, versionOf } from './program.ts'
import { studentsOf } from './text.ts'

/** From paths to the length of the response body in bytes. Every other path gets the small answer. */
export const answers = {
  '/64kB': 64_000,
  '/10MB': 10_000_000,
  '/100MB': 100_000_000,
} as const

/** The small answer: two of the lab's students. */
export const SMALL_ANSWER = JSON.stringify([
  { firstName: 'Amélie', lastName: 'Rochat', gender: 'female', birthday: '2003-05-17', studies: 'Computer Science' },
  { firstName: 'Luca', lastName: 'Bernasconi', gender: 'male', birthday: '2001-11-02', studies: 'Civil Engineering' },
])

/** The response to a path with this suffix contains the request's X-Forwarded-For, -Proto, -Host and X-Request-Id. */
export const FORWARDED_SUFFIX = '/forwarded'
/** The method of a gRPC service that answers each call with GRPC_MESSAGE. */
export const GRPC_PATH = '/bench.Echo/Call'
/** A message of 30 bytes, with its prefix: not compressed, and its length (gRPC's Length-Prefixed-Message). */
export const GRPC_MESSAGE = Buffer.concat([Buffer.from([0, 0, 0, 0, 30]), Buffer.alloc(30, 'x')])
/** JSON that compresses as that of an application does. */
export const TEXT_PATH = '/students.json'
export const TEXT_LENGTH = 64_000
/** Accepts a body of any length. */
export const UPLOAD_PATH = '/upload'

/** The ports of the origin. One process is used for all servers. */
export interface OriginPlaces {
  readonly ports: readonly [number, number]
  /** A port on all of 127.0.0.0/8, for any number of servers. */
  readonly widePort: number
  /** The port of a gRPC server: HTTP/2 without TLS. */
  readonly grpcPort: number
}

export interface Origin extends OriginPlaces {
  readonly title: string
  readonly program: Program
}

/** Starts the servers behind the proxies: nginx, which uses the least CPU of the load's cores, or else Node. */
export async function startOrigin(folder: string, cores: readonly number[]): Promise<Origin> {
  const files = join(folder, 'origin')
  await mkdir(files)
  for (const [path, length] of Object.entries(answers)) await createFile(join(files, path), length)
  await createFile(join(files, UPLOAD_PATH), 0)
  await writeFile(join(files, TEXT_PATH), studentsOf(TEXT_LENGTH))
  await mkdir(join(files, dirname(GRPC_PATH)))
  await writeFile(join(files, GRPC_PATH), GRPC_MESSAGE)
  const ports = await Promise.all([freePort(), freePort(), freePort(), freePort()])
  const [first, second, widePort, grpcPort] = ports
  const places: OriginPlaces = { ports: [first, second], widePort, grpcPort }
  const nginxVersion = await versionOf('nginx', ['-v'])
  const launch = nginxVersion === undefined ? nodeOrigin(places) : await launchNginx(files, nginxConfig(places, files))
  const program = Program.start(launch, cores, join(folder, 'origin.log'))
  for (const port of [first, second, widePort]) await program.listening(port)
  return { ...places, title: nginxVersion === undefined ? 'Node.js' : `nginx ${nginxVersion}`, program }
}

/** The first two servers. */
export function twoServers({ ports }: OriginPlaces): string[] {
  return ports.map((port) => `127.0.0.1:${port}`)
}

/** Servers on different addresses: 127.0.1.1, 127.0.1.2 and so on. */
export function manyServers({ widePort }: OriginPlaces, count: number): string[] {
  return Array.from(
    { length: count },
    (_, index) => `127.0.${1 + Math.floor(index / 250)}.${1 + (index % 250)}:${widePort}`,
  )
}

async function createFile(file: string, length: number): Promise<void> {
  const handle = await open(file, 'w')
  await handle.truncate(length)
  await handle.close()
}

function nodeOrigin({ ports, widePort, grpcPort }: OriginPlaces): Launch {
  const program = fileURLToPath(new URL('node-origin.ts', import.meta.url))
  return { command: process.execPath, args: [program, ...[...ports, widePort, grpcPort].map(String)] }
}

function nginxConfig({ ports, widePort, grpcPort }: OriginPlaces, files: string): string {
  const answer = SMALL_ANSWER.replaceAll("'", "\\'")
  return `
worker_processes 1;
worker_rlimit_nofile 32768;
error_log stderr error;
events { worker_connections 16384; }
http {
  access_log off;
  sendfile on;
  keepalive_timeout 1h;
  keepalive_requests 1000000000;
  client_max_body_size 0;
  client_body_buffer_size 2m;
  large_client_header_buffers 4 256k;
  types { }
  default_type application/json;
  server {
    ${ports.map((port) => `listen 127.0.0.1:${port};`).join(' ')}
    listen ${widePort};
    location / { return 200 '${answer}'; }
    location ~ ${FORWARDED_SUFFIX}$ {
      return 200 "$http_x_forwarded_for $http_x_forwarded_proto $http_x_forwarded_host $http_x_request_id";
    }
    ${[...Object.keys(answers), TEXT_PATH].map((path) => `location = ${path} { root ${files}; }`).join('\n    ')}
    # The mirror makes nginx read the whole body. The POST to a static file fails with 405, which gives the response.
    location = ${UPLOAD_PATH} { root ${files}; mirror /read; error_page 405 =200 @received; }
    location = /read { internal; return 204; }
    location @received { return 200 '${answer}'; }
  }
  server {
    listen 127.0.0.1:${grpcPort} http2;
    # The POST to a static file fails with 405, which gives the response.
    location = ${GRPC_PATH} {
      root ${files};
      default_type application/grpc;
      add_trailer grpc-status 0;
      error_page 405 =200 $uri;
    }
  }
}`
}
