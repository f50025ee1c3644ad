import { serverName } from '../server-name.ts'
import type { Container } from './container.ts'

/**
 * What a container is called as a server: its project, service and number in Compose, which stay when it is recreated; else its
 * name. Both versions of Compose write these labels, and different names.
 */
export function identityOf({ name, project, service, labels }: Container): string {
  const number = labels['com.docker.compose.container-number']
  return serverName(project === undefined || number === undefined ? name : `${project}.${service}.${number}`)
}
