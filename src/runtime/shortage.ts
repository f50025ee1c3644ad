/** What this process, or its machine, can run short of. No client or server is to blame for it. */
import { readFileSync } from 'node:fs'

/** What to do about it, by the code of the system's error. */
const cures: Readonly<Record<string, string>> = {
  EMFILE:
    'raise the limit of open files: `ulimit -n`, LimitNOFILE= in a systemd unit, `--ulimit nofile=` of docker run',
  ENFILE: 'raise the limit of open files of the whole machine: sysctl fs.file-max',
  EADDRNOTAVAIL:
    'widen the range of ports of outgoing connections: sysctl net.ipv4.ip_local_port_range; and let servers keep connections open (keepAlive)',
  ENOBUFS: 'give the kernel more memory for sockets: sysctl net.ipv4.tcp_mem',
  ENOMEM: 'give the process, or the kernel, more memory',
}

/** Descriptions of the limits. */
const limits: Readonly<Record<string, () => string>> = {
  EMFILE: () => `no file or connection can be opened beyond the limit of ${openFileLimit()} for this process`,
  ENFILE: () => 'the machine has no file or connection left to open',
  EADDRNOTAVAIL: () => 'no local port is left for a connection to a server',
  ENOBUFS: () => 'the kernel has no memory left for a connection',
  ENOMEM: () => 'there is no memory left for a connection',
}

/** The code of the shortage that caused an error; undefined if something else did. */
export function shortageIn(error: Error | undefined): string | undefined {
  if (error === undefined) return undefined
  // A name with several addresses fails with one error for all of them, whose code is the first one's. If one address
  // was really tried, it is the server that failed: the others may be of a family that this machine does not have.
  if (error instanceof AggregateError) {
    const codes = error.errors.map(shortageIn)
    return codes.includes(undefined) ? undefined : codes[0]
  }
  const { code = '' } = error as NodeJS.ErrnoException
  if (code in cures) return code
  return undefined
}

/** One sentence for the log: the limit that was reached, and how to raise it. */
export function describeShortage(code: string): string {
  if (!(code in cures)) return `connections cannot be accepted (${code})`
  return `${limits[code]!()} (${code}); ${cures[code]}`
}

/** How many files and connections this process may have open; Infinity if that is unknown. */
export function openFileLimit(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? []
    return soft === undefined ? Infinity : Number(soft)
  } catch {
    return Infinity
  }
}
