"""One small program that holds every case of NVTX projection at once."""

from __future__ import annotations

from tests.literals import Range, Work

MAIN, WORKER, THIRD, BARE = 1000, 1001, 1002, 1003  # threads of process 1000

# ns     100 150 200    2000  2500   4000   5000 6000  7000 8000  9000 9900 10000
# main   outer---------------------------------------------------------------)
#        nulltext------------------------------------------------------)
#            se / se_cross-------------------------------------)
#                dommed----------------)
#                inner----)   inner----)    capture)    replay)
# calls            ||       =====||           |  |       ||

RANGES = (
    Range("outer", 100, 10_000, pid=1000, tid=MAIN),
    Range("inner", 200, 2_000, pid=1000, tid=MAIN),
    Range("inner", 2_500, 4_000, pid=1000, tid=MAIN),
    Range("dommed", 200, 4_000, pid=1000, tid=MAIN, domain=1, domain_name="mydom"),
    Range("se", 150, 9_000, pid=1000, tid=MAIN, style="start_end"),
    Range("se_cross", 150, 9_000, pid=1000, tid=MAIN, style="start_end", end_tid=WORKER),
    Range("otherthread", 100, 10_000, pid=1000, tid=WORKER),
    Range("nulltext", 100, 9_900, pid=1000, tid=MAIN),
    Range("open", 300, 100_000, pid=1000, tid=THIRD, is_open=True),
    Range("capture", 5_000, 6_000, pid=1000, tid=MAIN),
    Range("replay", 7_000, 8_000, pid=1000, tid=MAIN),
    Range("outer", 100, 10_000, pid=2000, tid=2000),
)

WORK = (
    Work("K_inner1", 50_000, 60_000, launch=(300, 320), correlation=1, pid=1000, tid=MAIN),
    Work("K_inner2", 61_000, 62_000, launch=(2_600, 2_620), correlation=2, pid=1000, tid=MAIN),
    Work("K_straddle", 63_000, 64_000, launch=(2_450, 2_510), correlation=3, pid=1000, tid=MAIN),
    Work("K_t1001", 65_000, 66_000, launch=(400, 410), correlation=4, pid=1000, tid=WORKER),
    Work("K_t1002", 67_000, 68_000, launch=(400, 410), correlation=5, pid=1000, tid=THIRD),
    Work("K_t1003", 69_000, 70_000, launch=(400, 410), correlation=6, pid=1000, tid=BARE),
    Work("K_g1", 80_000, 81_000, launch=(7_100, 7_200), correlation=7, pid=1000, tid=MAIN, node=11),
    Work("K_g2", 81_000, 83_000, launch=None, correlation=7, pid=1000, tid=MAIN, node=12),
    Work("K_pid2", 90_000, 91_000, launch=(300, 320), correlation=1, pid=2000, tid=2000),
    Work("K_cut", 95_000, 96_000, launch=None, correlation=99, pid=1000, tid=MAIN),
)

# Calls that captured the graph of K_g1 and K_g2; no work of their own.
CAPTURED = (
    Work("", 0, 0, launch=(5_100, 5_110), correlation=8, pid=1000, tid=MAIN),
    Work("", 0, 0, launch=(5_200, 5_210), correlation=9, pid=1000, tid=MAIN),
)
