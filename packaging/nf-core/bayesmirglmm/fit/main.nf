process BAYESMIRGLMM_FIT {
    tag "${meta.id}"
    label 'process_medium'

    conda "${moduleDir}/environment.yml"
    container "bayes-mirglmm:0.1.0"

    input:
    tuple val(meta), path(counts), path(samples)
    val design
    val reference

    output:
    tuple val(meta), path("${prefix}")                          , emit: run
    tuple val(meta), path("${prefix}/effects.tsv")              , emit: effects
    tuple val(meta), path("${prefix}/isomir_effects.tsv")       , emit: isomir_effects
    tuple val(meta), path("${prefix}/usage.tsv")                , emit: usage
    tuple val(meta), path("${prefix}/status.tsv")               , emit: status
    tuple val(meta), path("${prefix}/report.html")              , emit: report
    tuple val(meta), path("${prefix}/findings/findings.tsv")    , emit: findings
    tuple val("${task.process}"), val('bayes-mirglmm'), eval("bayes-mirglmm --version | sed 's/bayes-mirglmm //'"), topic: versions, emit: versions_bayesmirglmm

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def level = reference ? "--reference '${reference}'" : ''
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    export MPLCONFIGDIR=\$PWD/matplotlib
    bayes-mirglmm fit ${counts} \\
        --samples ${samples} \\
        --design '${design}' ${level} \\
        --jobs ${task.cpus} \\
        --seed 1 \\
        --report \\
        --findings \\
        --out ${prefix} \\
        ${args}
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    mkdir -p ${prefix}/findings
    touch ${prefix}/{effects,isomir_effects,usage,status}.tsv ${prefix}/report.html ${prefix}/findings/findings.tsv
    """
}
