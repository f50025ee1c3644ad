import { readFileSync, statSync } from 'node:fs'
import { now } from './clock.ts'
import { parseIpAddress } from './ip-address.ts'

/** How often it is looked whether the file has changed, in ms: many names may be looked up at once. */
const LOOK_EVERY = 100

/** A hosts file (hosts(5)): the addresses of names that this machine knows without the DNS. It is read again once it has changed. */
export class HostsFile {
  readonly #path: string
  #stamp = ''
  #lookedAt = Number.NEGATIVE_INFINITY
  #names: ReadonlyMap<string, readonly string[]> = new Map()

  constructor(path = '/etc/hosts') {
    this.#path = path
  }

  /** In the order of the file, and in canonical form; empty if the name is not in it. */
  addressesOf(host: string): readonly string[] {
    this.#refresh()
    return this.#names.get(host.toLowerCase()) ?? []
  }

  #refresh(): void {
    const time = now()
    if (time - this.#lookedAt < LOOK_EVERY) return
    this.#lookedAt = time
    try {
      const { ino, size, mtimeMs } = statSync(this.#path)
      const stamp = `${ino} ${size} ${mtimeMs}`
      if (stamp === this.#stamp) return
      this.#names = namesIn(readFileSync(this.#path, 'utf8'))
      this.#stamp = stamp
    } catch {
      this.#names = new Map()
      this.#stamp = ''
    }
  }
}

function namesIn(file: string): Map<string, string[]> {
  const names = new Map<string, string[]>()
  for (const line of file.split('\n')) {
    const [address = '', ...aliases] = line.replace(/#.*/, '').trim().toLowerCase().split(/\s+/)
    const known = parseIpAddress(address)?.text
    if (known === undefined) continue
    for (const name of aliases) {
      const others = names.get(name) ?? []
      if (!others.includes(known)) names.set(name, [...others, known])
    }
  }
  return names
}
