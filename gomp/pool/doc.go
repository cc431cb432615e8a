// Package pool implements the scheduler of a pool of worker processes.
//
// # Model
//
// A Pool is an object that its parent and its workers hold. Under one robust
// lock it has a queue of tasks, a table of workers and the list of those that
// wait for a task. A call of the program is a Job; its Tasks lie in pages, which
// are blocks of the pool: what to call (a record, as in a channel) and room for
// the answer. Whoever is idle takes the oldest task, and puts the answer into the
// task's job, whose waiter sleeps on the job's own word. So no thread stands
// between the one who asks and the one who works: a hop costs more than a task.
//
// The parent alone makes jobs, collects answers and frees pages. It is told of a
// worker's death by its pidfd and settles what the worker held.
//
// # Crash windows
//
// A worker that takes a task writes its claim before the task leaves the queue,
// and one that answers links the task into its job's answers before it gives up
// the claim. So a worker that dies holds at most one task, and Repair tells from
// the queue and the answers on which side of each commit it died: a claimed task
// that is still first in the queue was not taken, one among the answers was
// answered. The rest is derived and counted again.
//
// The arguments' block passes to the worker at the claim, unless the task may be
// tried again; the answer's block passes to the pool with the answer.
//
// When the parent dies nothing is collected any more: its workers see that and
// end, and with the last of them the pool's blocks are freed, since each says
// whose it is.
package pool
