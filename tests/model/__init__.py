"""The latch protocol as a small model, explored exhaustively.

What the promises mean here:

1. A stop that was answered durable stands after every restart, with its causes and its action, until a reset
   that covers it was answered as done, or was under way and is in both records.
2. Records that are missing or contradict each other, and a floor that cannot be written, start it ACTIVE, by
   a global BLOCK and no more.
4. The gate never opens below the highest revision it saw, at a revision at which it saw a stop, for another
   store, or over a stop that it saw and that no reset has covered since. Where a stop was lost, the BLOCK
   that the gate's own evidence latches stands for it.
5. A reset that was answered as failed is never carried out by a crash; no other way leads to INACTIVE.
7. A reset releases nothing that was not there when the operator read the revision that it names.

A stop that was never answered durable may be lost in a crash; a gate that saw it must still find it out. A
reset that was not answered yet may be carried out by a crash, or not.
"""
