/** What the reasons mean that requests went where they went, as the access log has them. */
export const reasonWords = {
  stuck: 'It reached the server of its session or address.',
  new: 'It had no session yet, or the policy ties it to no server.',
  invalid: 'Its session was forged, broken, or not from this Limpet: it began again.',
  expired: 'Its session was over: it began again.',
  away: 'The server of its session is away and expected back: another served it meanwhile.',
  retry: 'A server that was tried before had failed.',
  'moved:down': 'The server of its session was down.',
  'moved:drained': 'The server of its session is being drained.',
  'moved:removed': 'The server of its session is no longer in the upstream.',
  'moved:full': 'The server of its session had as many connections as it may.',
  'moved:backup': 'The server of its session is a backup, and another may serve again.',
  'moved:rebalanced': 'The server of its session had more than its share of sessions.',
  'refused:down': 'The server of its session was down, and such sessions are refused.',
  'refused:away': 'The server of its session is away, and such sessions are refused.',
  'refused:drained': 'The server of its session is drained, and such sessions are refused.',
  'refused:removed': 'The server of its session was removed, and such sessions are refused.',
  'refused:full': 'The server of its session was full, and such sessions are refused.',
} as const satisfies Readonly<Record<string, string>>

/** What a reason means; empty for one that is not known here. */
export function wordsOf(reason: string): string {
  return (reasonWords as Readonly<Record<string, string>>)[reason] ?? ''
}

export function toneOfReason(reason: string): 'good' | 'bad' | 'warn' | 'plain' {
  if (reason === 'stuck') return 'good'
  if (reason.startsWith('refused:') || reason === 'invalid') return 'bad'
  return reason.startsWith('moved:') || reason === 'retry' || reason === 'away' ? 'warn' : 'plain'
}
