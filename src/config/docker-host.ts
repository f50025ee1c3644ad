import { InvalidValue } from './error.ts'
import { parseHost, parseIPv6 } from './host.ts'
import { isUnixSocket, parseUnixSocket } from './unix-socket.ts'

/** Where a Docker engine listens. */
export type DockerHost = { readonly socket: string } | { readonly host: string; readonly port: number }

const expected = 'the address of a Docker engine, such as unix:///var/run/docker.sock or tcp://10.0.0.1:2376'

/** The ports that engines use without and with TLS. */
const PORT = 2375
const TLS_PORT = 2376

/** Reads what DOCKER_HOST may say, as far as it is supported here. Throws InvalidValue. */
export function parseDockerHost(text: string, isSecure: boolean): DockerHost {
  if (text.startsWith('/')) throw new InvalidValue(expected, `write unix://${text}`)
  if (isUnixSocket(text)) {
    const path = text.replace(/^unix:(?:\/\/)?/i, '')
    if (!path.startsWith('/')) throw new InvalidValue(expected, 'write an absolute path')
    return { socket: parseUnixSocket(`unix:${path}`) }
  }
  const [, scheme, rest] = /^([a-z]+):\/\/(.*?)\/?$/i.exec(text) ?? []
  if (scheme === undefined || rest === undefined) throw new InvalidValue(expected)
  if (/^ssh$/i.test(scheme))
    throw new InvalidValue(expected, 'ssh:// is not supported: forward the socket with ssh -L, and name that')
  if (/^(?:npipe|fd)$/i.test(scheme)) throw new InvalidValue(expected)
  if (!/^(?:tcp|https?)$/i.test(scheme)) throw new InvalidValue(expected)
  const [, host = '', port] = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(rest) ?? []
  const number = port === undefined ? (isSecure ? TLS_PORT : PORT) : Number(port)
  if (host === '' || number < 1 || number > 65_535) throw new InvalidValue(expected)
  return { host: parseIPv6(host.replace(/^\[(.*)\]$/, '$1')) ?? parseHost(host), port: number }
}

/** As messages show it. */
export function formatDockerHost(place: DockerHost): string {
  if ('socket' in place) return `unix://${place.socket}`
  return place.host.includes(':') ? `tcp://[${place.host}]:${place.port}` : `tcp://${place.host}:${place.port}`
}
