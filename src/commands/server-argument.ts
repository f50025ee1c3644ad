import { InvalidArgumentError } from 'commander'
import type { Server, Upstreams } from '../admin/answers.ts'
import { choices } from '../config/choices.ts'
import type { AdminClient } from './admin-client.ts'
import { CommandFailure } from './command-failure.ts'

/** A server as an operator names it: `UPSTREAM/SERVER`. */
export interface ServerArgument {
  readonly upstream: string
  readonly server: string
}

/** Reads `UPSTREAM/SERVER`. The name of a server may have slashes: `app/unix:/run/app.sock`. */
export function parseServer(text: string): ServerArgument {
  const [, upstream, server] = /^([^/]+)\/(.+)$/.exec(text) ?? []
  if (upstream === undefined || server === undefined)
    throw new InvalidArgumentError('Expected UPSTREAM/SERVER, such as app/web-2.')
  return { upstream, server }
}

/** Reads the name of an upstream. */
export function parseUpstream(text: string): string {
  if (text !== '' && !text.includes('/')) return text
  throw new InvalidArgumentError('Expected the name of an upstream, such as app.')
}

export function formatServer({ upstream, server }: ServerArgument): string {
  return `${upstream}/${server}`
}

/** Its path in the admin API. */
export function pathOfUpstream(upstream: string): string {
  return `/v1/upstreams/${encodeURIComponent(upstream)}`
}

/** Its path in the admin API. */
export function pathOfServer({ upstream, server }: ServerArgument): string {
  return `${pathOfUpstream(upstream)}/servers/${encodeURIComponent(server)}`
}

/** The upstream exists, and has no server of that name. */
export class NoSuchServer extends CommandFailure {
  constructor({ upstream, server }: ServerArgument, names: readonly string[]) {
    super(`upstream ${upstream} has no server ${server}; ${choices(server, names)}`)
  }
}

/** The servers of the upstream, one of which has that name. Throws a CommandFailure that says which there are. */
export async function serversOf(client: AdminClient, target: ServerArgument): Promise<readonly Server[]> {
  const servers = await serversIn(client, target.upstream)
  const names = servers.map(({ name }) => name)
  if (!names.includes(target.server)) throw new NoSuchServer(target, names)
  return servers
}

async function serversIn(client: AdminClient, upstream: string): Promise<readonly Server[]> {
  const { upstreams } = await client.get<Upstreams>('/v1/upstreams')
  const found = upstreams.find(({ name }) => name === upstream)
  if (found !== undefined) return found.servers
  const names = upstreams.map(({ name }) => name)
  throw new CommandFailure(`there is no upstream ${upstream}; ${choices(upstream, names)}`)
}

/** Throws a failure that says which upstreams or servers there are, if there is none of that name. */
export async function assertExists(client: AdminClient, upstream: string, server?: string): Promise<void> {
  await (server === undefined ? serversIn(client, upstream) : serversOf(client, { upstream, server }))
}
