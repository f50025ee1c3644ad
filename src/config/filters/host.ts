import { matching, written } from '../field.ts'

interface Held {
  readonly host?: string
}

const name = /^(?:server|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?|\[[0-9a-f:.]+\](?::\d{1,5})?)$/i

/** `server`, or a host with or without a port. */
export const HostFilter = written(
  matching(name, 'server, or a host such as www.example.org'),
  (text): Held => (text === 'server' ? {} : { host: text }),
  ({ host = 'server' }) => host,
).describe(
  "Sets the Host that the server gets: a name, or `server` for the server's own address. Without it, the client's own.",
)
