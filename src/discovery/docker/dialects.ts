import type { DockerLabels } from '../../config/sources/docker.ts'
import type { Dialect } from './container.ts'
import { nginxProxy } from './nginx-proxy/nginx-proxy.ts'
import { traefik } from './traefik/traefik.ts'

/** Other programs' labels. To add some, add an entry. */
const dialects: readonly Dialect[] = [traefik, nginxProxy]

export function compatibleDialects(names: DockerLabels['compatibility'] = []): Dialect[] {
  return dialects.filter(({ name }) => (names as readonly string[]).includes(name))
}
