import type { LogChapter } from './log-chapter.ts'

export const servers = {
  title: 'Servers',
  events: {
    'server-down': {
      level: 'warn',
      fields: ['upstream', 'server', 'cause'],
      meaning: 'A server fails its checks, and gets no requests.',
      action: 'Look at the server.',
    },
    'server-up': {
      level: 'info',
      fields: ['upstream', 'server', 'cause'],
      meaning: 'A server passes its checks, and gets requests.',
      action: '',
    },
    'server-suspended': {
      level: 'warn',
      fields: ['upstream', 'server', 'ms', 'cause', 'traceId'],
      meaning: 'Requests to a server failed, and it gets none for a while.',
      action: 'Look at the server.',
    },
    'server-resumed': {
      level: 'info',
      fields: ['upstream', 'server'],
      meaning: 'A suspended server has answered a request.',
      action: '',
    },
    'server-ejected': {
      level: 'warn',
      fields: ['upstream', 'server', 'ms', 'cause'],
      meaning: 'A server answers worse than the others, and gets no requests for a while.',
      action: 'Look at the server.',
    },
    'server-readmitted': {
      level: 'info',
      fields: ['upstream', 'server'],
      meaning: 'The ejection of a server is over.',
      action: '',
    },
    panic: {
      level: 'warn',
      fields: ['upstream', 'well', 'servers', 'threshold'],
      meaning: 'So few servers are well that all of them are used.',
      action: 'Bring servers back, or add some.',
    },
    'panic-over': {
      level: 'info',
      fields: ['upstream', 'well', 'servers'],
      meaning: 'Enough servers are well again.',
      action: '',
    },
    'server-tls-failed': {
      level: 'warn',
      fields: ['upstream', 'server', 'count', 'cause'],
      meaning: 'No connection to a server could be opened by TLS.',
      action: 'Compare the server’s certificate with the upstream’s `tls`.',
    },
    'own-cookie-set': {
      level: 'warn',
      fields: ['upstream', 'server', 'cookie'],
      meaning: 'A server sets a cookie with the name of Limpet’s own.',
      action: 'If there is another Limpet behind this one, give one of them another instance.',
    },
    'header-unknown': {
      level: 'warn',
      fields: ['upstream', 'server', 'header', 'count'],
      meaning: 'A server has sent a header for Limpet whose value means nothing.',
      action: 'Correct the application.',
    },
    'server-asks': {
      level: 'info',
      fields: ['upstream', 'server', 'wish'],
      meaning: 'A server asks to be drained, or for new sessions again.',
      action: '',
    },
    'server-wish-refused': {
      level: 'warn',
      fields: ['upstream', 'server', 'wish', 'cause'],
      meaning: 'What a server asks for cannot be done.',
      action: 'See the cause.',
    },
    'host-not-found': {
      level: 'warn',
      fields: ['host', 'cause'],
      meaning: 'The host name of a server could not be looked up. Addresses that were found before stay in effect.',
      action: 'Correct the name, or see why its DNS server fails: the message names it.',
    },
    'host-found': {
      level: 'info',
      fields: ['host'],
      meaning: 'The host name of a server was looked up again after a failure.',
      action: '',
    },
    'hosts-not-applied': {
      level: 'error',
      fields: ['cause'],
      meaning: 'Other addresses of host names could not be put into effect.',
      action: 'See the cause, and reload.',
    },
    shortage: {
      level: 'warn',
      fields: ['code'],
      meaning: 'This process or machine runs short of file descriptors, ports or memory.',
      action: 'Raise the limit that the message names.',
    },
    'storage-failed': {
      level: 'error',
      fields: ['cause', 'count'],
      meaning:
        'Bodies that `bufferRequest` or `bufferResponse` keeps could not be written to the disk, or be read again.',
      action: 'Make room, or set `TMPDIR` to a folder that has some.',
    },
    'filter-failed': {
      level: 'error',
      fields: ['filter', 'cause', 'count'],
      meaning:
        'A filter of a route has failed in a way that it should not: its requests got a 500, or their responses were cut off.',
      action: 'This is a bug: please report it, with the cause.',
    },
  },
} as const satisfies LogChapter
