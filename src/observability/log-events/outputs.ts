import type { LogChapter } from './log-chapter.ts'

export const outputs = {
  title: 'Logs and exports',
  events: {
    'output-slow': {
      level: 'warn',
      fields: ['output'],
      meaning: 'Lines or spans are dropped, since they are not taken fast enough.',
      action: 'Look at the disk, the reader or the collector.',
    },
    'output-broken': {
      level: 'warn',
      fields: ['output', 'cause'],
      meaning: 'Lines or spans cannot be written.',
      action: 'See the cause.',
    },
    'output-restored': {
      level: 'warn',
      fields: ['output', 'count'],
      meaning: 'They are written again. So many were dropped.',
      action: '',
    },
    'output-ended': {
      level: 'warn',
      fields: ['output', 'count'],
      meaning: 'The output is closed. So many were dropped since the start.',
      action: '',
    },
    'output-not-reopened': {
      level: 'warn',
      fields: ['output', 'cause'],
      meaning: 'A log cannot be reopened after its rotation, and continues in the old file.',
      action: 'See the cause, and send USR1 again.',
    },
  },
} as const satisfies LogChapter
