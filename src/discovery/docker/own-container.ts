import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'

/** What may be the id of the container that this process runs in, or its beginning: from its mounts, else its host name. */
export function ownContainer(): string | undefined {
  return mounted(readOr('/proc/self/mountinfo')) ?? (/^[0-9a-f]{12}$/.test(hostname()) ? hostname() : undefined)
}

/** Docker and Podman mount files into each container from a folder that has its id. */
export function mounted(mounts: string): string | undefined {
  return /\/(?:containers|overlay-containers)\/([0-9a-f]{64})\/(?:userdata\/)?(?:hostname|hosts|resolv\.conf)\b/.exec(
    mounts,
  )?.[1]
}

function readOr(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
