import type { LogChapter } from './log-chapter.ts'

export const clients = {
  title: 'Clients',
  events: {
    'connection-refused': {
      level: 'warn',
      fields: ['listener', 'address', 'count', 'cause'],
      meaning: 'Connections were closed since there were too many, or no PROXY header said whose they are.',
      action: 'See the cause.',
    },
    'handshake-failed': {
      level: 'info',
      fields: ['listener', 'address', 'count', 'cause'],
      meaning: 'TLS handshakes of clients have failed. Any scanner causes it.',
      action: '',
    },
    'scheme-ignored': {
      level: 'warn',
      fields: ['address', 'count'],
      meaning: 'A peer that is not trusted says that its client came by HTTPS.',
      action: 'If it is your own proxy, add it to `trustedProxies`.',
    },
  },
} as const satisfies LogChapter
