import { z } from 'zod'
import { formatDockerHost, parseDockerHost } from '../docker-host.ts'
import { matching, text, uniqueList, whole } from '../field.ts'
import { everySource } from './every-source.ts'
import { ApiTls } from './source-api.ts'

const name = (what: string) => matching(/^[A-Za-z0-9_][\w.-]{0,254}$/, `${what} of letters, digits and . _ -`)

const DockerHost = text((written) => {
  formatDockerHost(parseDockerHost(written, false))
  return written
}, 'the address of a Docker engine')

/** Which engine is asked, and what is read of its containers. */
export const engineKeys = {
  host: z
    .exactOptional(DockerHost)
    .describe(
      'The Docker engine: unix:///var/run/docker.sock, tcp://10.0.0.1:2376. Default: DOCKER_HOST, or the socket of the system.',
    ),
  tls: ApiTls,
  network: z
    .exactOptional(name('the name of a network'))
    .describe(
      "The network on which containers are reached that are on several. Default: one that Limpet's own container is on, else the first by name.",
    ),
  exposeByDefault: z
    .boolean()
    .prefault(false)
    .describe('Whether containers are used that do not have the label limpet.enable=true.'),
  compatibility: z
    .exactOptional(uniqueList(z.enum(['traefik', 'nginx-proxy'])))
    .describe("Whose labels and variables are read besides Limpet's own. Default: nobody's."),
}

/** Which containers are servers of an upstream. */
export const selectionKeys = {
  labels: z
    .exactOptional(z.record(z.string().min(1, 'the name of a label'), z.string('the value of a label')))
    .describe(
      'Containers that have all of these labels, such as { role: web }; limpet.enable is not needed then. Default: those whose limpet.upstream is this one.',
    ),
  service: z
    .exactOptional(name('the name of a service'))
    .describe('Containers of this service of Compose; limpet.enable is not needed then.'),
  project: z
    .exactOptional(name('the name of a project'))
    .describe('Only containers of this project of Compose. Default: of any.'),
  port: z
    .exactOptional(whole(1, 65_535))
    .describe('The port of the containers that have no label limpet.port. Default: the only one that each exposes.'),
}

/** Containers of a Docker engine, by their labels. See docs/discovery/docker.md. */
export const DockerSource = z.strictObject({
  from: z.literal('docker').describe('Containers of a Docker engine.'),
  ...engineKeys,
  ...selectionKeys,
  ...everySource,
})

export type DockerSource = z.output<typeof DockerSource>

/** Routes and upstreams from the labels of containers. */
export const DockerLabels = z.strictObject({ ...engineKeys, ...everySource })

export type DockerLabels = z.output<typeof DockerLabels>
