import type { LogChapter } from './log-chapter.ts'

export const sources = {
  title: 'Sources of servers',
  events: {
    'source-failing': {
      level: 'warn',
      fields: ['source', 'cause'],
      meaning:
        'A source of servers cannot be reached or understood. The servers that it found before stay, and it is tried again.',
      action: 'See the cause, and `limpet discover`.',
    },
    'source-recovered': {
      level: 'info',
      fields: ['source'],
      meaning: 'A source answers again.',
      action: '',
    },
    'source-mistake': {
      level: 'warn',
      fields: ['source', 'cause'],
      meaning: 'A source has found something that cannot be used. The rest is.',
      action: 'Fix it where the cause says.',
    },
    'found-not-applied': {
      level: 'error',
      fields: ['by', 'cause'],
      meaning: 'What sources have found cannot be put into effect. What is in effect stays.',
      action: 'See the cause. It is tried again when a source finds something else.',
    },
  },
} as const satisfies LogChapter
